<?php

namespace WHMCS\Module\Server\Kvmtui;

use Kvmtui\ApiError;
use Kvmtui\Client;
use Kvmtui\Memory;
use Kvmtui\Options;
use Kvmtui\Shop;
use WHMCS\Database\Capsule;

/**
 * What the module has to do with WHMCS: its parameters, database, log and language.
 */
final class Host
{
    /** Module settings after Product and Client, in the order of configoption3 …: option, name, description. */
    const OVERRIDES = [
        ['cores', 'CPU Cores', 'Per socket; empty: as the product has it'],
        ['memory', 'Memory', 'MiB'],
        ['system_disk', 'System Disk', 'GiB'],
        ['additional_disk', 'Additional Disk', 'GiB; 0: none'],
        ['bandwidth', 'Network Bandwidth', 'MB/s; 0: unlimited'],
        ['ipv4', 'IPv4 Addresses', 'How many'],
        ['ipv6', 'IPv6 Addresses', 'How many'],
        ['template', 'Operating System', 'VMID or name of a template'],
        ['backups', 'Backups', 'How many the VM may have'],
        ['snapshots', 'Snapshots', 'How many the VM may have'],
        ['system_disk_mbps_rd', 'System Disk Read MB/s', '0: unlimited'],
        ['system_disk_mbps_wr', 'System Disk Write MB/s', '0: unlimited'],
        ['system_disk_iops_rd', 'System Disk Read IOPS', '0: unlimited'],
        ['system_disk_iops_wr', 'System Disk Write IOPS', '0: unlimited'],
        ['additional_disk_mbps_rd', 'Additional Disk Read MB/s', '0: unlimited'],
        ['additional_disk_mbps_wr', 'Additional Disk Write MB/s', '0: unlimited'],
        ['additional_disk_iops_rd', 'Additional Disk Read IOPS', '0: unlimited'],
        ['additional_disk_iops_wr', 'Additional Disk Write IOPS', '0: unlimited'],
    ];
    const FIRST_OVERRIDE = 3;
    const CODES = [
        'arabic' => 'ar', 'azerbaijani' => 'az', 'catalan' => 'ca', 'chinese' => 'zh', 'croatian' => 'hr', 'czech' => 'cs',
        'danish' => 'da', 'dutch' => 'nl', 'estonian' => 'et', 'farsi' => 'fa', 'french' => 'fr', 'german' => 'de',
        'hebrew' => 'he', 'hungarian' => 'hu', 'italian' => 'it', 'macedonian' => 'mk', 'norwegian' => 'nb',
        'polish' => 'pl', 'romanian' => 'ro', 'russian' => 'ru', 'spanish' => 'es', 'swedish' => 'sv', 'turkish' => 'tr',
        'ukranian' => 'uk', 'ukrainian' => 'uk',
    ];

    /** @var array<string, array<string, string>> */
    private static $loaded = [];

    /** kvmtui as the server in the parameters names it. */
    public static function shop(array $params, $function): Shop
    {
        $scheme = !empty($params['serverhttpprefix']) ? $params['serverhttpprefix'] : (empty($params['serversecure']) ? 'http' : 'https');
        $host = trim((string) $params['serverhostname']) ?: trim((string) $params['serverip']);
        $port = empty($params['serverport']) ? 8460 : (int) $params['serverport'];
        $token = trim((string) $params['serveraccesshash']) ?: trim((string) $params['serverpassword']);
        $timeout = defined('KVMTUI_TIMEOUT') ? \KVMTUI_TIMEOUT : 30;
        $secrets = self::secrets($params);
        $log = function ($call, $answer) use ($function, $secrets) {
            logModuleCall('kvmtui', preg_replace('/^kvmtui_/', '', $function), $call, $answer, '', $secrets);
        };
        return new Shop(new Client($scheme . '://' . $host . ':' . $port, $token, $timeout, $log), new Database(), 'whmcs', '');
    }

    /**
     * Do some work with kvmtui; `success`, or what WHMCS shows to an administrator.
     *
     * @param callable $work gets the shop and the service's number; answers what is to be shown, if anything
     */
    public static function call(array $params, $function, $work): string
    {
        if (!empty($params['addonId'])) {
            return 'The kvmtui module provisions products, not product addons. Sell the VM as a product.';
        }
        try {
            $shop = self::shop($params, $function);
            $said = (string) call_user_func($work, $shop, isset($params['serviceid']) ? (string) (int) $params['serviceid'] : '');
            return $said === '' ? 'success' : $said;
        } catch (ApiError $error) {
            return $error->getMessage();
        } catch (\Throwable $error) {
            $said = get_class($error) . ': ' . $error->getMessage();
            logModuleCall('kvmtui', preg_replace('/^kvmtui_/', '', $function), '', $said, '', self::secrets($params));
            return 'The kvmtui module failed. The reason is in the module log of WHMCS.';
        }
    }

    /** Press a button of the administrator. */
    public static function press(array $params, $function, $verb, $seconds): string
    {
        return self::call($params, $function, function (Shop $shop, $id) use ($verb, $seconds) {
            return $shop->press($id, $verb, 'POST', '/vm/' . $verb, [], $seconds);
        });
    }

    /** Press a button of the client, if the product permits it; what the client sees holds no details. */
    public static function pressAsClient(array $params, $function, $verb, array $permissions): string
    {
        $result = self::call($params, $function, function (Shop $shop, $id) use ($verb, $permissions) {
            $service = $shop->need($id);
            $products = $shop->products();
            $spec = isset($products[$service['product']]) ? $products[$service['product']]['spec'] : [];
            foreach ($permissions as $permission) {
                if (isset($spec['permissions'][$permission]) && !$spec['permissions'][$permission]) {
                    return Host::text('forbidden');
                }
            }
            return $shop->press($id, $verb, 'POST', '/vm/' . $verb, [], 5) === '' ? '' : Host::text('unavailable');
        });
        return in_array($result, ['success', self::text('forbidden')], true) ? $result : self::text('unavailable');
    }

    /** The name of the product in kvmtui. */
    public static function product(array $params): string
    {
        $name = trim((string) $params['configoption1']);
        if ($name === '') {
            throw new ApiError('The product has no kvmtui product. Choose one in its module settings.', 0, true);
        }
        return $name;
    }

    /** What a service overrides of its product: configurable options before module settings. */
    public static function options(array $params): array
    {
        $settings = [];
        foreach (self::OVERRIDES as $place => $override) {
            $field = 'configoption' . (self::FIRST_OVERRIDE + $place);
            $settings[$override[0]] = isset($params[$field]) ? $params[$field] : '';
        }
        $configurable = isset($params['configoptions']) ? (array) $params['configoptions'] : [];
        return array_merge(Options::from($settings), Options::from($configurable));
    }

    /** The WHMCS client as kvmtui is to know them. */
    public static function client(array $params): array
    {
        $details = isset($params['clientsdetails']) ? $params['clientsdetails'] : [];
        $value = function ($field) use ($details) {
            return isset($details[$field]) ? html_entity_decode(trim((string) $details[$field]), ENT_QUOTES, 'UTF-8') : '';
        };
        $language = strtolower($value('language'));
        return [
            'name' => $value('companyname') ?: trim($value('firstname') . ' ' . $value('lastname')),
            'tag' => '(#' . (int) $params['userid'] . ')',
            'email' => $value('email'),
            'language' => isset(self::CODES[$language]) ? self::CODES[$language] : 'en',
        ];
    }

    /** Write columns of a service, if they differ. */
    public static function store($id, array $columns)
    {
        Capsule::table('tblhosting')->where('id', (int) $id)->update($columns);
    }

    /** Write the addresses and the host name of a service's VM. */
    public static function storeVm($id, $vm)
    {
        $addresses = $vm === null ? [] : array_column($vm['ips'], 'address');
        if ($addresses !== []) {
            $columns = ['dedicatedip' => $addresses[0], 'assignedips' => implode("\n", array_slice($addresses, 1))];
            self::store($id, $columns + ['domain' => (string) ($vm['fqdn'] ?: $vm['name'])]);
        }
    }

    /** A text in the language of the visitor. */
    public static function text($name): string
    {
        $texts = self::texts();
        return isset($texts[$name]) ? $texts[$name] : $name;
    }

    /** Every text in the language of the visitor; English where there is no translation. */
    public static function texts(): array
    {
        $language = isset($_SESSION['Language']) ? strtolower((string) $_SESSION['Language']) : '';
        if (!preg_match('/^[a-z-]+$/D', $language)) {
            $language = 'english';
        }
        if (!isset(self::$loaded[$language])) {
            $_LANG = [];
            foreach (['english', $language] as $name) {
                $file = dirname(__DIR__) . '/lang/' . $name . '.php';
                if (is_file($file)) {
                    include $file;
                }
            }
            self::$loaded[$language] = $_LANG;
        }
        return self::$loaded[$language];
    }

    /** What must not be in a log. */
    private static function secrets(array $params): array
    {
        $secrets = [];
        foreach (['serveraccesshash', 'serverpassword', 'password'] as $field) {
            if (!empty($params[$field])) {
                $secrets[] = trim((string) $params[$field]);
            }
        }
        return array_values(array_filter($secrets));
    }
}

/**
 * What the module remembers of a service, in a table of its own in the database of WHMCS.
 */
final class Database implements Memory
{
    const TABLE = 'mod_kvmtui';

    public function load($service): array
    {
        $row = $this->table()->where('service_id', (int) $service)->first();
        $state = $row === null ? null : json_decode($row->state, true);
        return is_array($state) ? $state : [];
    }

    public function save($service, array $state)
    {
        $this->table()->updateOrInsert(['service_id' => (int) $service], ['state' => json_encode($state)]);
    }

    private function table()
    {
        if (!Capsule::schema()->hasTable(self::TABLE)) {
            Capsule::schema()->create(self::TABLE, function ($table) {
                $table->integer('service_id')->unsigned()->primary();
                $table->text('state');
            });
        }
        return Capsule::table(self::TABLE);
    }
}
