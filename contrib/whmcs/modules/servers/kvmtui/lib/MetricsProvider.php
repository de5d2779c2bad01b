<?php

namespace WHMCS\Module\Server\Kvmtui;

use Kvmtui\ApiError;
use Kvmtui\Shop;
use WHMCS\UsageBilling\Contracts\Metrics\MetricInterface;
use WHMCS\UsageBilling\Contracts\Metrics\ProviderInterface;
use WHMCS\UsageBilling\Metrics\Metric;
use WHMCS\UsageBilling\Metrics\Units\GigaBytes;
use WHMCS\UsageBilling\Metrics\Units\WholeNumber;
use WHMCS\UsageBilling\Metrics\Usage as MetricUsage;

/**
 * Traffic, disk and backups of services, for the usage billing of WHMCS.
 */
final class MetricsProvider implements ProviderInterface
{
    /** @var array */
    private $params;

    public function __construct(array $params)
    {
        $this->params = $params;
    }

    public function metrics()
    {
        return [
            'traffic_in' => new Metric('traffic_in', 'Traffic in', MetricInterface::TYPE_PERIOD_MONTH, new GigaBytes('GiB')),
            'traffic_out' => new Metric('traffic_out', 'Traffic out', MetricInterface::TYPE_PERIOD_MONTH, new GigaBytes('GiB')),
            'disk' => new Metric('disk', 'Disk', MetricInterface::TYPE_SNAPSHOT, new GigaBytes('GiB')),
            'backups' => new Metric('backups', 'Backups', MetricInterface::TYPE_SNAPSHOT, new WholeNumber('Backups', 'Backup', 'Backups')),
        ];
    }

    public function usage()
    {
        return $this->measured(null);
    }

    public function tenantUsage($tenant)
    {
        $found = $this->measured((string) $tenant);
        return isset($found[(string) $tenant]) ? $found[(string) $tenant] : $this->metrics();
    }

    /** Metrics by tenant; of one tenant, or of every one. What cannot be measured now is left out, not 0. */
    private function measured($only): array
    {
        $found = [];
        Host::call($this->params, 'kvmtui_MetricProvider', function (Shop $shop) use (&$found, $only) {
            $products = $shop->products();
            $usage = $shop->usage(date('Y-m'));
            $tenants = Usage::tenants((int) $this->params['serverid']);
            foreach ($shop->services() as $id => $service) {
                $tenant = isset($tenants[$id]) ? $tenants[$id] : '';
                if ($tenant === '' || ($only !== null && $tenant !== $only) || !in_array($service['status'], Shop::LIVE, true)) {
                    continue;
                }
                $spec = isset($products[$service['product']]['spec']) ? $products[$service['product']]['spec'] : [];
                $traffic = isset($usage[$service['id']]) ? $usage[$service['id']] : [0, 0];
                $found[$tenant] = $this->filled([
                    'traffic_in' => Usage::gib($traffic[0]),
                    'traffic_out' => Usage::gib($traffic[1]),
                    'disk' => Shop::disk($service, $spec),
                    'backups' => $this->backups($shop, $service, $spec),
                ]);
            }
        });
        return $found;
    }

    private function filled(array $values): array
    {
        $metrics = [];
        foreach ($this->metrics() as $metric) {
            $value = $values[$metric->systemName()];
            if ($value !== null) {
                $metrics[] = $metric->withUsage(new MetricUsage($value));
            }
        }
        return $metrics;
    }

    private function backups(Shop $shop, array $service, array $spec)
    {
        $allowed = isset($service['options']['backups']) ? $service['options']['backups'] : (isset($spec['backups']) ? $spec['backups'] : 0);
        if ((int) $allowed === 0) {
            return 0;
        }
        try {
            return $shop->backups($service);
        } catch (ApiError $error) {
            return null;
        }
    }
}
