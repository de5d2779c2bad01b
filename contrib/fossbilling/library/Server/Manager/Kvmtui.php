<?php

/**
 * kvmtui server manager for FOSSBilling: KVM VMs on Proxmox VE, over the HTTP API of kvmtui.
 *
 * @license MIT
 */

require_once __DIR__ . '/../Kvmtui/shared/Client.php';
require_once __DIR__ . '/../Kvmtui/shared/Attempts.php';
require_once __DIR__ . '/../Kvmtui/shared/Options.php';
require_once __DIR__ . '/../Kvmtui/shared/Shop.php';
require_once __DIR__ . '/../Kvmtui/Files.php';

use Kvmtui\ApiError;
use Kvmtui\Client;
use Kvmtui\Files;
use Kvmtui\Options;
use Kvmtui\Shop;

/**
 * FOSSBilling calls a service by its user name, which this manager makes up; kvmtui keeps it as external reference.
 */
class Server_Manager_Kvmtui extends Server_Manager
{
    const PREFIX = 'fossbilling-';

    /** @var Files */
    private $memory;

    public static function getForm(): array
    {
        return [
            'label' => 'kvmtui (KVM on Proxmox VE)',
            'form' => [
                'credentials' => [
                    'fields' => [
                        [
                            'name' => 'accesshash',
                            'type' => 'password',
                            'label' => 'API token',
                            'placeholder' => 'kvt_…, as kvmtui token create shows it',
                            'required' => true,
                        ],
                        [
                            'name' => 'username',
                            'type' => 'text',
                            'label' => 'Client in kvmtui',
                            'placeholder' => 'Empty: one for each FOSSBilling client',
                            'required' => false,
                        ],
                    ],
                ],
            ],
        ];
    }

    public function init()
    {
        foreach (['host' => 'hostname', 'accesshash' => 'API token'] as $field => $label) {
            if (empty($this->_config[$field])) {
                $sentence = 'The ":server_manager" server manager is not fully configured. Please configure the :missing';
                throw new Server_Exception($sentence, [':server_manager' => 'kvmtui', ':missing' => $label], 2001);
            }
        }
        $this->memory = new Files(PATH_DATA . '/kvmtui');
    }

    public function generateUsername(string $domain)
    {
        return 'vm' . bin2hex(random_bytes(5));
    }

    public function getLoginUrl(?Server_Account $account = null)
    {
        if ($account === null) {
            return '';
        }
        return $this->callAsClient(function (Shop $shop) use ($account) {
            return $shop->session($account->getUsername());
        });
    }

    public function getResellerLoginUrl(?Server_Account $account = null)
    {
        return $this->getLoginUrl($account);
    }

    public function testConnection()
    {
        return $this->done(function (Shop $shop) {
            $shop->check();
        });
    }

    /**
     * FOSSBilling makes a new user name each time it tries to activate an order, and keeps it only on success. So the
     * names of tries whose outcome is unknown are remembered by client, domain and product, and the service is looked
     * for by all of them.
     */
    public function createAccount(Server_Account $account)
    {
        return $this->done(function (Shop $shop) use ($account) {
            $client = $account->getClient();
            $package = $account->getPackage();
            $username = $account->getUsername();
            $order = 'order-' . hash('sha256', json_encode([$client->getEmail(), $account->getDomain(), $this->product($package)]));
            $tried = $this->memory->load($order);
            $names = isset($tried['names']) ? $tried['names'] : [];
            $this->memory->save($order, ['names' => array_merge($names, [$username])]);
            $service = null;
            foreach ($names as $name) {
                $found = $shop->find($name);
                if ($found !== null && in_array($found['status'], Shop::LIVE, true)) {
                    $service = $found;
                    break;
                }
            }
            if ($service === null) {
                $first = $names === [] ? $username : $names[0];
                $service = $shop->order($first, $this->client($client), $this->product($package), $this->options($package));
            }
            if ($service['external_ref'] !== self::PREFIX . $username) {
                $shop->refer($service, self::PREFIX . $username);
            }
            $this->memory->forget($order);
        });
    }

    public function synchronizeAccount(Server_Account $account)
    {
        return $this->call(function (Shop $shop) use ($account) {
            $service = $shop->need($account->getUsername());
            $vm = $shop->vm($service);
            $new = clone $account;
            $new->setSuspended($service['status'] === 'Suspended');
            if ($vm !== null && $vm['ips'] !== []) {
                $new->setIp($vm['ips'][0]['address']);
            }
            return $new;
        });
    }

    public function suspendAccount(Server_Account $account)
    {
        return $this->done(function (Shop $shop) use ($account) {
            $shop->act($account->getUsername(), 'suspend', 'POST', '/suspend', Shop::because($account->getNote()));
        });
    }

    public function unsuspendAccount(Server_Account $account)
    {
        return $this->done(function (Shop $shop) use ($account) {
            $shop->act($account->getUsername(), 'unsuspend', 'POST', '/unsuspend');
        });
    }

    /** An order that was never activated has no user name and nothing to delete. */
    public function cancelAccount(Server_Account $account)
    {
        if ((string) $account->getUsername() === '') {
            return true;
        }
        return $this->done(function (Shop $shop) use ($account) {
            $shop->terminate($account->getUsername(), $account->getNote());
        });
    }

    /** kvmtui makes the password itself and mails it to the client; the given one is not used. */
    public function changeAccountPassword(Server_Account $account, string $newPassword)
    {
        return (bool) $this->callAsClient(function (Shop $shop) use ($account) {
            $failed = $shop->press($account->getUsername(), 'password', 'POST', '/vm/password', [], 5);
            if ($failed !== '') {
                throw new ApiError($failed, 502, true);
            }
            return true;
        });
    }

    /** The user name is only FOSSBilling's name of the service, not a user of the VM. */
    public function changeAccountUsername(Server_Account $account, string $newUsername)
    {
        if (!preg_match('/^[A-Za-z0-9]{1,60}$/D', $newUsername)) {
            throw new Server_Exception('The user name may have letters and digits only.');
        }
        return (bool) $this->callAsClient(function (Shop $shop) use ($account, $newUsername) {
            $service = $shop->find($account->getUsername());
            $other = $shop->find($newUsername);
            if ($service === null ? $other === null : $other !== null && $other['id'] !== $service['id']) {
                throw new Server_Exception('The user name is taken. Choose another.');
            }
            if ($service !== null) {
                $shop->refer($service, self::PREFIX . $newUsername);
            }
            return true;
        });
    }

    public function changeAccountDomain(Server_Account $account, string $newDomain)
    {
        throw new Server_Exception('kvmtui names VMs by the product\'s name rule. Set reverse DNS on the client\'s page instead.');
    }

    public function changeAccountIp(Server_Account $account, string $newIp)
    {
        throw new Server_Exception('kvmtui assigns addresses from its pools. Change the number of addresses with the hosting plan.');
    }

    public function changeAccountPackage(Server_Account $account, Server_Package $package)
    {
        return $this->done(function (Shop $shop) use ($account, $package) {
            $shop->changePackage($account->getUsername(), $this->product($package), $this->options($package));
        });
    }

    /** The product's name in kvmtui: the custom value `product`, else the name of the hosting plan. */
    private function product(Server_Package $package): string
    {
        return trim((string) $package->getCustomValue('product')) ?: (string) $package->getName();
    }

    private function options(Server_Package $package): array
    {
        $given = [];
        foreach (array_keys(Options::NAMES) as $option) {
            $given[$option] = (string) $package->getCustomValue($option);
        }
        return Options::from($given);
    }

    /** The client as kvmtui is to know them, or the name of the one that has every VM. */
    private function client(Server_Client $client)
    {
        $fixed = trim((string) $this->_config['username']);
        if ($fixed !== '') {
            return $fixed;
        }
        return [
            'name' => trim((string) $client->getCompany()) ?: trim((string) $client->getFullName()),
            'tag' => '(' . substr(hash('sha256', strtolower((string) $client->getEmail())), 0, 10) . ')',
            'email' => (string) $client->getEmail(),
            'language' => 'en',
        ];
    }

    private function done($work): bool
    {
        $this->call($work);
        return true;
    }

    /** What a client may start: the reason of a failure goes to the log of PHP, not to the client. */
    private function callAsClient($work)
    {
        try {
            return call_user_func($work, $this->shop());
        } catch (ApiError $error) {
            error_log('kvmtui: ' . $error->getMessage());
            throw new Server_Exception('The VM cannot be reached now. Try again later.');
        }
    }

    private function call($work)
    {
        try {
            return call_user_func($work, $this->shop());
        } catch (ApiError $error) {
            throw new Server_Exception(':error', [':error' => $error->getMessage()]);
        }
    }

    private function shop(): Shop
    {
        $port = empty($this->_config['port']) ? 8460 : (int) $this->_config['port'];
        $url = ($this->_config['secure'] ? 'https://' : 'http://') . $this->_config['host'] . ':' . $port;
        $api = new Client($url, $this->_config['accesshash'], defined('KVMTUI_TIMEOUT') ? KVMTUI_TIMEOUT : 30);
        return new Shop($api, $this->memory, 'fossbilling', self::PREFIX);
    }
}
