<?php

/**
 * kvmtui server extension for Paymenter: KVM VMs on Proxmox VE, over the HTTP API of kvmtui.
 *
 * @license MIT
 */

namespace Paymenter\Extensions\Servers\Kvmtui;

require_once __DIR__ . '/lib/shared/Client.php';
require_once __DIR__ . '/lib/shared/Attempts.php';
require_once __DIR__ . '/lib/shared/Options.php';
require_once __DIR__ . '/lib/shared/Shop.php';
require_once __DIR__ . '/lib/Properties.php';

use App\Classes\Extension\Server;
use App\Models\Product;
use App\Models\Service;
use Illuminate\Support\Facades\Lang;
use Kvmtui\ApiError;
use Kvmtui\Client;
use Kvmtui\Options;
use Kvmtui\Properties;
use Kvmtui\Shop;

class Kvmtui extends Server
{
    const LABELS = [
        'cores' => 'CPU cores',
        'memory' => 'Memory (MiB)',
        'system_disk' => 'System disk (GiB)',
        'additional_disk' => 'Additional disk (GiB)',
        'bandwidth' => 'Network bandwidth (MB/s)',
        'ipv4' => 'IPv4 addresses',
        'ipv6' => 'IPv6 addresses',
        'backups' => 'Backups',
        'snapshots' => 'Snapshots',
    ];

    public function boot()
    {
        Lang::addNamespace('kvmtui', __DIR__ . '/lang');
    }

    public function getConfig($values = []): array
    {
        return [
            [
                'name' => 'host',
                'label' => 'kvmtui URL',
                'type' => 'text',
                'default' => 'https://kvmtui.example.com:8460',
                'description' => 'Where the API of kvmtui listens',
                'required' => true,
                'validation' => 'url:http,https',
            ],
            [
                'name' => 'token',
                'label' => 'API token',
                'type' => 'password',
                'description' => 'The kvt_… token that kvmtui token create shows',
                'required' => true,
                'encrypted' => true,
            ],
            [
                'name' => 'client',
                'label' => 'Client in kvmtui',
                'type' => 'text',
                'description' => 'Client that gets every VM; empty: one for each Paymenter user',
                'required' => false,
            ],
        ];
    }

    public function getProductConfig($values = []): array
    {
        $products = [];
        foreach ($this->shop()->products() as $name => $product) {
            $products[$name] = $name . ' (' . $product['server'] . ')';
        }
        $fields = [
            [
                'name' => 'product',
                'label' => 'Product',
                'type' => 'select',
                'options' => $products,
                'required' => true,
                'description' => 'Product in kvmtui',
            ],
        ];
        foreach (self::LABELS as $name => $label) {
            $fields[] = [
                'name' => $name,
                'label' => $label,
                'type' => 'number',
                'required' => false,
                'description' => 'Empty: as the product in kvmtui has it',
            ];
        }
        $fields[] = [
            'name' => 'templates',
            'label' => 'Operating systems',
            'type' => 'textarea',
            'required' => false,
            'description' => 'What the client may choose, one on a line: VMID or name of a template, =, text',
        ];
        return $fields;
    }

    /** Offers the operating systems that the product lists; none: the product's own. */
    public function getCheckoutConfig(Product $product, $values = [], $settings = []): array
    {
        $listed = isset($settings['templates']) ? $settings['templates'] : null;
        if ($listed === null) {
            $setting = $product->settings()->where('key', 'templates')->first();
            $listed = $setting === null ? '' : $setting->value;
        }
        $offered = self::offered((string) $listed);
        if ($offered === []) {
            return [];
        }
        return [
            ['name' => 'template', 'label' => 'Operating system', 'type' => 'select', 'options' => $offered, 'required' => true],
        ];
    }

    /** @return bool|string */
    public function testConfig()
    {
        try {
            $this->shop()->check();
            return true;
        } catch (\Exception $error) {
            return $error->getMessage();
        }
    }

    public function createServer(Service $service, $settings, $properties)
    {
        $client = trim((string) $this->config('client')) ?: $this->client($service);
        $made = $this->shop($service)->order($service->id, $client, $this->product($settings), $this->options($settings, $properties));
        return ['service' => $made['id'], 'product' => $made['product']];
    }

    public function upgradeServer(Service $service, $settings, $properties)
    {
        $this->shop($service)->changePackage($service->id, $this->product($settings), $this->options($settings, $properties));
        return true;
    }

    public function suspendServer(Service $service, $settings, $properties)
    {
        $this->shop($service)->act($service->id, 'suspend', 'POST', '/suspend');
        return true;
    }

    public function unsuspendServer(Service $service, $settings, $properties)
    {
        $this->shop($service)->act($service->id, 'unsuspend', 'POST', '/unsuspend');
        return true;
    }

    public function terminateServer(Service $service, $settings, $properties)
    {
        $this->shop($service)->terminate($service->id);
        return true;
    }

    public function getActions(Service $service, $settings = [], $properties = []): array
    {
        return [
            [
                'name' => 'kvmtui',
                'label' => __('kvmtui::kvmtui.manage'),
                'type' => 'button',
                'function' => 'ssoLink',
            ],
        ];
    }

    /** A link to the client's page; the client sees no reason when there is none. */
    public function ssoLink(Service $service): string
    {
        try {
            return $this->shop($service)->session($service->id);
        } catch (ApiError $error) {
            error_log('kvmtui: ' . $error->getMessage());
            throw new \Exception(__('kvmtui::kvmtui.unavailable'));
        }
    }

    /** kvmtui, with the memory of a service if something is to be changed. */
    private function shop($service = null): Shop
    {
        $api = new Client((string) $this->config('host'), (string) $this->config('token'), defined('KVMTUI_TIMEOUT') ? \KVMTUI_TIMEOUT : 30);
        return new Shop($api, new Properties($service), 'paymenter', 'paymenter-');
    }

    private function product(array $settings): string
    {
        if (empty($settings['product'])) {
            throw new ApiError('The product has no kvmtui product. Choose one in its server settings.', 0, true);
        }
        return (string) $settings['product'];
    }

    /** What a service overrides of its product: what the client chose before what the product says. */
    private function options(array $settings, array $properties): array
    {
        $offered = self::offered(isset($settings['templates']) ? (string) $settings['templates'] : '');
        if ($offered !== [] && isset($properties['template']) && !isset($offered[(string) $properties['template']])) {
            throw new ApiError('The operating system is not one of those the product offers. Choose another.', 0, true);
        }
        unset($settings['product'], $settings['templates']);
        return array_merge(Options::from($settings), Options::from($properties));
    }

    /** @return array<string, string> texts by template */
    private static function offered($listed): array
    {
        $offered = [];
        foreach (preg_split('/\R/', $listed) as $line) {
            $parts = array_map('trim', explode('=', $line, 2));
            if ($parts[0] !== '') {
                $offered[$parts[0]] = isset($parts[1]) && $parts[1] !== '' ? $parts[1] : $parts[0];
            }
        }
        return $offered;
    }

    private function client(Service $service): array
    {
        $user = $service->user ?? $service->order->user;
        return [
            'name' => trim((string) $user->name) ?: (string) $user->email,
            'tag' => '(Paymenter #' . (int) $user->id . ')', // another shop may have a client of this number
            'email' => (string) $user->email,
            'language' => 'en',
        ];
    }
}
