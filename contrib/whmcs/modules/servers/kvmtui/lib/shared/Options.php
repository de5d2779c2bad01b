<?php

namespace Kvmtui;

/**
 * Options of a shop's product, as kvmtui names them.
 */
final class Options
{
    /** Other spellings, without case, spaces and signs; the first ones are what the documentation names. */
    const NAMES = [
        'cores' => ['cpucores', 'cores', 'cpu', 'vcpu'],
        'memory' => ['ram', 'memory'],
        'system_disk' => ['systemdisk', 'disk', 'systemdisksize'],
        'system_disk_mbps_rd' => ['systemdiskreadmbs', 'systemdiskmbpsrd', 'systemdiskreadbandwidth'],
        'system_disk_mbps_wr' => ['systemdiskwritembs', 'systemdiskmbpswr', 'systemdiskwritebandwidth'],
        'system_disk_iops_rd' => ['systemdiskreadiops', 'systemdiskiopsrd'],
        'system_disk_iops_wr' => ['systemdiskwriteiops', 'systemdiskiopswr'],
        'additional_disk' => ['additionaldisk', 'additionaldisksize'],
        'additional_disk_mbps_rd' => ['additionaldiskreadmbs', 'additionaldiskmbpsrd', 'additionaldiskreadbandwidth'],
        'additional_disk_mbps_wr' => ['additionaldiskwritembs', 'additionaldiskmbpswr', 'additionaldiskwritebandwidth'],
        'additional_disk_iops_rd' => ['additionaldiskreadiops', 'additionaldiskiopsrd'],
        'additional_disk_iops_wr' => ['additionaldiskwriteiops', 'additionaldiskiopswr'],
        'bandwidth' => ['networkbandwidth', 'bandwidth'],
        'ipv4' => ['ipv4addresses', 'ipv4'],
        'ipv6' => ['ipv6addresses', 'ipv6'],
        'template' => ['operatingsystem', 'template', 'os'],
        'backups' => ['backups', 'b'],
        'snapshots' => ['snapshots', 's'],
    ];
    const LARGEST_GIB = 512;

    /**
     * The options of kvmtui among a shop's; what is empty or belongs to somebody else is left out.
     *
     * @param array<string, mixed> $given by the shop's names: `CPU Cores`, `cores`, or the prefixes `CPU`, `RAM`, `OS` …
     * @return array<string, int|string>
     */
    public static function from(array $given): array
    {
        $found = [];
        foreach ($given as $name => $value) {
            $parts = explode('|', (string) $name);
            $option = self::named($parts[0]);
            if ($option === null || is_array($value) || trim((string) $value) === '') {
                continue;
            }
            $read = self::value($option, $parts[0], (string) $value);
            if ($read !== null) {
                $found[$option] = $read;
            }
        }
        ksort($found);
        return $found;
    }

    private static function named($name)
    {
        $plain = preg_replace('/[^a-z0-9]/', '', strtolower((string) $name));
        foreach (self::NAMES as $option => $spellings) {
            if (in_array($plain, $spellings, true)) {
                return $option;
            }
        }
        return null;
    }

    /** The value in `4`, `4 GB`, `4|4 cores` or, with the prefix before it, `CPU|4`. */
    private static function value($option, $name, $text)
    {
        $parts = array_map('trim', explode('|', $text));
        if (count($parts) > 1 && self::named($parts[0]) === $option) {
            array_shift($parts);
        }
        if ($option === 'template') {
            return $parts[0] === '' ? null : $parts[0];
        }
        if (!preg_match('/^(\d+(?:[.,]\d+)?)\s*([a-z]*)/i', $parts[0], $match)) {
            return null;
        }
        $number = (float) str_replace(',', '.', $match[1]);
        $unit = strtolower(substr($match[2], 0, 1));
        if ($option === 'memory') {
            $isGib = $unit === 'g' || ($unit !== 'm' && strtolower(trim($name)) !== 'memory' && $number <= self::LARGEST_GIB);
            $number *= $isGib ? 1024 : 1;
        } elseif ($unit === 't' && in_array($option, ['system_disk', 'additional_disk'], true)) {
            $number *= 1024;
        }
        return (int) round($number);
    }
}
