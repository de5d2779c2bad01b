<?php

namespace WHMCS\Module\Server\Kvmtui;

use Kvmtui\Shop;

/**
 * The fields of the module on the service's page of the admin area.
 */
final class AdminTab
{
    /**
     * @param array|null         $vm
     * @param array{0: int, 1: int} $traffic bytes in and out
     *
     * @return array<string, string> HTML by label
     */
    public static function fields(array $service, $vm, array $traffic): array
    {
        $fields = ['kvmtui service' => self::escaped($service['id'] . ' · ' . $service['product'] . ' · ' . $service['status'])];
        if ($vm === null) {
            return $fields + ['VM' => 'None'];
        }
        $power = $vm['remote_status'] === '' ? 'unknown' : $vm['remote_status'];
        $lock = $vm['remote_lock'] === '' ? '' : ', locked (' . $vm['remote_lock'] . ')';
        $fields += [
            'VMID' => self::escaped(($vm['vmid'] === null ? 'not assigned' : $vm['vmid']) . ' · ' . $vm['server'] . ' · ' . $vm['node']),
            'VM status' => self::escaped($vm['vm_status'] . ', ' . $power . $lock),
        ];
        if ($vm['error'] !== '') {
            $since = $vm['error_since'] === null ? '' : ' (since ' . $vm['error_since'] . ')';
            $fields['Stuck'] = '<div class="errorbox">' . self::escaped($vm['error'] . $since) . '</div>';
        } elseif ($vm['waiting'] !== '') {
            $fields['Waiting'] = self::escaped($vm['waiting']);
        }
        $fields['Traffic this month'] = Usage::gib($traffic[0], 2) . ' GiB in, ' . Usage::gib($traffic[1], 2) . ' GiB out';
        if ($vm['ips'] !== []) {
            $fields['Reverse DNS'] = self::names($vm['ips']);
        }
        return $fields;
    }

    /** Change the reverse names that differ from those of the VM. */
    public static function save(Shop $shop, $id, array $given)
    {
        if ($given === []) {
            return;
        }
        $vm = $shop->vm($shop->need($id));
        foreach ($vm === null ? [] : $vm['ips'] as $ip) {
            $address = $ip['address'];
            $wanted = isset($given[$address]) && is_string($given[$address]) ? trim($given[$address]) : null;
            if ($wanted !== null && $wanted !== (string) $ip['rdns']) {
                $shop->act($id, 'rdns', 'PUT', '/vm/rdns/' . rawurlencode($address), ['name' => $wanted]);
            }
        }
    }

    public static function escaped($text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES, 'UTF-8');
    }

    private static function names(array $ips): string
    {
        $rows = '';
        foreach ($ips as $ip) {
            $address = self::escaped($ip['address']);
            $rows .= '<tr><td>' . $address . '</td><td><input type="text" class="form-control" size="40" maxlength="253"'
                . ' name="modulefields[rdns][' . $address . ']" value="' . self::escaped($ip['rdns']) . '"></td></tr>';
        }
        return '<table>' . $rows . '</table>';
    }
}
