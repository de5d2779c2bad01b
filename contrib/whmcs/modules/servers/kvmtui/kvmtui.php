<?php

/**
 * kvmtui provisioning module for WHMCS: KVM VMs on Proxmox VE, over the HTTP API of kvmtui.
 *
 * @license MIT
 */

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/shared/Client.php';
require_once __DIR__ . '/lib/shared/Attempts.php';
require_once __DIR__ . '/lib/shared/Options.php';
require_once __DIR__ . '/lib/shared/Shop.php';
require_once __DIR__ . '/lib/Host.php';
require_once __DIR__ . '/lib/AdminTab.php';
require_once __DIR__ . '/lib/Usage.php';

use Kvmtui\Shop;
use WHMCS\Module\Server\Kvmtui\AdminTab;
use WHMCS\Module\Server\Kvmtui\Host;
use WHMCS\Module\Server\Kvmtui\MetricsProvider;
use WHMCS\Module\Server\Kvmtui\Usage;

function kvmtui_MetaData()
{
    return [
        'DisplayName' => 'kvmtui (KVM on Proxmox VE)',
        'APIVersion' => '1.1',
        'RequiresServer' => true,
        'DefaultNonSSLPort' => '8460',
        'DefaultSSLPort' => '8460',
        'ServiceSingleSignOnLabel' => Host::text('manage'),
        'ListAccountsUniqueIdentifierDisplayName' => 'Username',
        'ListAccountsUniqueIdentifierField' => 'username',
        'ListAccountsProductField' => 'configoption1',
    ];
}

function kvmtui_ConfigOptions()
{
    $fields = [
        'Product' => [
            'Type' => 'text',
            'Size' => '25',
            'Loader' => 'kvmtui_ProductLoader',
            'SimpleMode' => true,
            'Description' => 'Product in kvmtui',
        ],
        'Client' => [
            'Type' => 'text',
            'Size' => '25',
            'Description' => 'Client in kvmtui that gets every VM; empty: one for each WHMCS client',
        ],
    ];
    foreach (Host::OVERRIDES as $override) {
        $fields[$override[1]] = ['Type' => 'text', 'Size' => '10', 'Description' => $override[2]];
    }
    return $fields;
}

/** Offers the products that kvmtui has. */
function kvmtui_ProductLoader(array $params)
{
    $offered = [];
    foreach (Host::shop($params, __FUNCTION__)->products() as $name => $product) {
        $offered[$name] = $name . ' (' . $product['server'] . ')';
    }
    return $offered;
}

function kvmtui_TestConnection(array $params)
{
    $result = Host::call($params, __FUNCTION__, function (Shop $shop) {
        $shop->check();
    });
    return ['success' => $result === 'success', 'error' => $result === 'success' ? '' : $result];
}

function kvmtui_CreateAccount(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) use ($params) {
        $client = trim((string) $params['configoption2']) ?: Host::client($params);
        $service = $shop->order($id, $client, Host::product($params), Host::options($params));
        Host::store($id, ['username' => 'vm' . $service['id']]);
    });
}

function kvmtui_SuspendAccount(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) use ($params) {
        $reason = isset($params['suspendreason']) ? $params['suspendreason'] : '';
        $shop->act($id, 'suspend', 'POST', '/suspend', Shop::because($reason));
    });
}

function kvmtui_UnsuspendAccount(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) {
        $shop->act($id, 'unsuspend', 'POST', '/unsuspend');
    });
}

function kvmtui_TerminateAccount(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) {
        $shop->terminate($id);
    });
}

function kvmtui_ChangePackage(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) use ($params) {
        $shop->changePackage($id, Host::product($params), Host::options($params));
    });
}

/** kvmtui makes the password itself and mails it to the client; the one in WHMCS is not used. */
function kvmtui_ChangePassword(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) {
        return $shop->press($id, 'password', 'POST', '/vm/password', [], 5);
    });
}

/** Nothing changes in kvmtui; addresses and host name are read again. */
function kvmtui_Renew(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) {
        $service = $shop->need($id);
        if (!in_array($service['status'], Shop::LIVE, true)) {
            return 'Service ' . $service['id'] . ' is ' . $service['status'] . ' in kvmtui. Create it again.';
        }
        Host::storeVm($id, $shop->vm($service));
        return '';
    });
}

function kvmtui_AdminCustomButtonArray()
{
    return [
        'Start' => 'start',
        'Stop' => 'stop',
        'Reboot' => 'reboot',
        'Reinstall' => 'reinstall',
        'Redeploy' => 'redeploy',
        'Set DNS records' => 'setdns',
        'noVNC' => 'novnc',
    ];
}

function kvmtui_start(array $params)
{
    return Host::press($params, __FUNCTION__, 'start', 10);
}

function kvmtui_stop(array $params)
{
    return Host::press($params, __FUNCTION__, 'stop', 10);
}

function kvmtui_reboot(array $params)
{
    return Host::press($params, __FUNCTION__, 'reboot', 10);
}

function kvmtui_reinstall(array $params)
{
    return Host::press($params, __FUNCTION__, 'reinstall', 0);
}

function kvmtui_redeploy(array $params)
{
    return Host::press($params, __FUNCTION__, 'redeploy', 0);
}

function kvmtui_setdns(array $params)
{
    return Host::press($params, __FUNCTION__, 'dns', 0);
}

/** The link works once, within ten seconds, so the browser is sent there at once. */
function kvmtui_novnc(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop, $id) {
        return 'window|' . $shop->console($id);
    });
}

function kvmtui_ClientAreaCustomButtonArray()
{
    return [
        Host::text('start') => 'clientstart',
        Host::text('shutdown') => 'clientshutdown',
        Host::text('reboot') => 'clientreboot',
    ];
}

function kvmtui_clientstart(array $params)
{
    return Host::pressAsClient($params, __FUNCTION__, 'start', ['start']);
}

function kvmtui_clientshutdown(array $params)
{
    return Host::pressAsClient($params, __FUNCTION__, 'shutdown', ['stop']);
}

function kvmtui_clientreboot(array $params)
{
    return Host::pressAsClient($params, __FUNCTION__, 'reboot', ['start', 'stop']);
}

function kvmtui_ClientArea(array $params)
{
    $shown = ['lang' => Host::texts(), 'vm' => null];
    Host::call($params, __FUNCTION__, function (Shop $shop, $id) use (&$shown) {
        $service = $shop->need($id);
        $vm = $shop->vm($service);
        list($in, $out) = $shop->traffic($service, date('Y-m'));
        $shown['vm'] = [
            'name' => $vm === null ? '' : (string) ($vm['fqdn'] ?: $vm['name']),
            'state' => Host::text('state_' . Usage::state($service, $vm)),
            'addresses' => $vm === null ? [] : $vm['ips'],
            'traffic_in' => Usage::gib($in, 2),
            'traffic_out' => Usage::gib($out, 2),
        ];
        Host::storeVm($id, $vm);
    });
    return ['tabOverviewModuleOutputTemplate' => 'templates/overview.tpl', 'templateVariables' => $shown];
}

function kvmtui_AdminServicesTabFields(array $params)
{
    $fields = [];
    $result = Host::call($params, __FUNCTION__, function (Shop $shop, $id) use (&$fields) {
        $service = $shop->need($id);
        $vm = $shop->vm($service);
        $fields = AdminTab::fields($service, $vm, $shop->traffic($service, date('Y-m')));
        Host::storeVm($id, $vm);
    });
    return $result === 'success' ? $fields : ['kvmtui' => AdminTab::escaped($result)];
}

function kvmtui_AdminServicesTabFieldsSave(array $params)
{
    $given = isset($_POST['modulefields']['rdns']) ? (array) $_POST['modulefields']['rdns'] : [];
    $result = Host::call($params, __FUNCTION__, function (Shop $shop, $id) use ($given) {
        AdminTab::save($shop, $id, $given);
    });
    if ($result !== 'success' && function_exists('logActivity')) {
        logActivity('kvmtui: reverse DNS of service ' . (int) $params['serviceid'] . ' was not saved: ' . $result, $params['userid']);
    }
}

/** An administrator sees the page as the client does, and changes nothing on it. */
function kvmtui_ServiceSingleSignOn(array $params)
{
    $url = '';
    $result = Host::call($params, __FUNCTION__, function (Shop $shop, $id) use (&$url) {
        $url = $shop->session($id, defined('ADMINAREA'));
    });
    if ($result === 'success') {
        return ['success' => true, 'redirectTo' => $url];
    }
    return ['success' => false, 'errorMsg' => defined('ADMINAREA') ? $result : Host::text('unavailable')];
}

function kvmtui_ListAccounts(array $params)
{
    $accounts = [];
    $result = Host::call($params, __FUNCTION__, function (Shop $shop) use (&$accounts, $params) {
        $accounts = Usage::accounts($shop, (int) $params['serverid']);
    });
    return $result === 'success' ? ['success' => true, 'accounts' => $accounts] : ['success' => false, 'error' => $result];
}

function kvmtui_UsageUpdate(array $params)
{
    return Host::call($params, __FUNCTION__, function (Shop $shop) use ($params) {
        Usage::update($shop, (int) $params['serverid']);
    });
}

function kvmtui_MetricProvider(array $params)
{
    return new MetricsProvider($params);
}
