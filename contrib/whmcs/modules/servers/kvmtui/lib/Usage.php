<?php

namespace WHMCS\Module\Server\Kvmtui;

use Kvmtui\Shop;
use WHMCS\Database\Capsule;

/**
 * What services use and how they stand, for the lists and the billing of WHMCS.
 */
final class Usage
{
    const MIB = 1048576;
    const GIB = 1073741824;

    /** GiB in a number of bytes. */
    public static function gib($bytes, $digits = 6): float
    {
        return round($bytes / self::GIB, $digits);
    }

    /** How a VM stands, as the client may know it: the last part of the name of a text. */
    public static function state(array $service, $vm): string
    {
        if ($service['status'] === 'Suspended') {
            return 'suspended';
        }
        $status = $vm === null ? 'remove' : $vm['vm_status'];
        if (in_array($status, ['terminate', 'error_terminate', 'remove'], true)) {
            return 'removed';
        }
        if (in_array($status, ['ready', 'set_dns_records'], true)) {
            return in_array($vm['remote_status'], ['running', 'stopped'], true) ? $vm['remote_status'] : 'unknown';
        }
        return $status === 'change_package' || strpos($status, 'cp_') === 0 ? 'changing' : 'installing';
    }

    /** The accounts for the server sync of WHMCS. */
    public static function accounts(Shop $shop, $server): array
    {
        $names = self::tenants($server);
        $clients = array_column($shop->clients(), null, 'name');
        $vms = $shop->vms();
        $accounts = [];
        foreach ($shop->services() as $id => $service) {
            $vm = isset($vms[$service['id']]) ? $vms[$service['id']] : null;
            $client = isset($clients[$service['client']]) ? $clients[$service['client']] : ['email' => ''];
            $username = isset($names[$id]) ? $names[$id] : 'vm' . $service['id'];
            $accounts[] = [
                'name' => $service['client'],
                'email' => $client['email'],
                'username' => $username,
                'domain' => $vm === null ? '' : (string) ($vm['fqdn'] ?: $vm['name']),
                'uniqueIdentifier' => $username,
                'product' => $service['product'],
                'primaryip' => $vm === null || $vm['ips'] === [] ? '' : $vm['ips'][0]['address'],
                'created' => date('Y-m-d H:i:s', strtotime($service['created'])),
                'status' => $service['status'],
            ];
        }
        return $accounts;
    }

    /** Write traffic, disk and addresses of the services of a server into the database of WHMCS. */
    public static function update(Shop $shop, $server)
    {
        $products = $shop->products();
        $usage = $shop->usage(date('Y-m'));
        $vms = $shop->vms();
        $known = self::tenants($server);
        foreach ($shop->services() as $id => $service) {
            if (!isset($known[$id])) {
                continue;
            }
            $spec = isset($products[$service['product']]['spec']) ? $products[$service['product']]['spec'] : [];
            $traffic = isset($usage[$service['id']]) ? array_sum($usage[$service['id']]) : 0;
            $disk = Shop::disk($service, $spec) * 1024;
            $columns = [
                'diskusage' => $disk,
                'disklimit' => $disk,
                'bwusage' => (int) round($traffic / self::MIB),
                'lastupdate' => date('Y-m-d H:i:s'),
            ];
            Capsule::table('tblhosting')->where('server', $server)->where('id', (int) $id)->update($columns);
            Host::storeVm($id, isset($vms[$service['id']]) ? $vms[$service['id']] : null);
        }
    }

    /** What WHMCS knows the services of a server by: user name, else domain. */
    public static function tenants($server): array
    {
        $names = [];
        foreach (Capsule::table('tblhosting')->where('server', $server)->get() as $row) {
            $names[(string) $row->id] = (string) ($row->username ?: $row->domain);
        }
        return $names;
    }
}
