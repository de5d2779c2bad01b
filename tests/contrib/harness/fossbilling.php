<?php

/* FOSSBilling, as far as a server manager sees it. */

define('PATH_DATA', dirname(State::$file) . '/data');

class Server_Exception extends Exception
{
    public function __construct($message, $variables = null, $code = 0)
    {
        parent::__construct(strtr($message, (array) $variables), $code);
    }
}

abstract class Server_Manager
{
    protected array $_config = [
        'ip' => null, 'host' => null, 'secure' => false, 'username' => null, 'password' => null,
        'accesshash' => null, 'config' => null, 'port' => null, 'passwordLength' => null,
    ];

    public function __construct(array $options)
    {
        $this->_config = $options + $this->_config;
        $this->init();
    }

    protected function init()
    {
    }

    public function generateUsername(string $domain)
    {
        return substr(preg_replace('/[^A-Za-z0-9]/', '', $domain), 0, 7) . random_int(0, 9);
    }

    public function getPasswordLength(): int
    {
        return $this->_config['passwordLength'] ?? 10;
    }

    abstract public function getLoginUrl(?Server_Account $account);

    abstract public function getResellerLoginUrl(?Server_Account $account);

    abstract public function testConnection();

    abstract public function createAccount(Server_Account $account);

    abstract public function synchronizeAccount(Server_Account $account);

    abstract public function suspendAccount(Server_Account $account);

    abstract public function unsuspendAccount(Server_Account $account);

    abstract public function cancelAccount(Server_Account $account);

    abstract public function changeAccountPassword(Server_Account $account, string $newPassword);

    abstract public function changeAccountUsername(Server_Account $account, string $newUsername);

    abstract public function changeAccountDomain(Server_Account $account, string $newDomain);

    abstract public function changeAccountIp(Server_Account $account, string $newIp);

    abstract public function changeAccountPackage(Server_Account $account, Server_Package $package);
}

/** Getters and setters of whatever it was given. */
abstract class Values
{
    private $values = [];

    public function __call($name, $arguments)
    {
        $field = substr($name, 3);
        if (strpos($name, 'set') === 0) {
            $this->values[$field] = $arguments[0];
            return $this;
        }
        if (strpos($name, 'get') !== 0) {
            throw new BadMethodCallException($name);
        }
        return $this->values[$field] ?? null;
    }
}

class Server_Account extends Values
{
}

class Server_Client extends Values
{
}

class Server_Package
{
    private $name;
    private $custom;

    public function __construct($name, array $custom)
    {
        $this->name = $name;
        $this->custom = $custom;
    }

    public function getName(): ?string
    {
        return $this->name;
    }

    public function getCustomValue(string $param): ?string
    {
        return $this->custom[$param] ?? null;
    }
}

require __DIR__ . '/../../../contrib/fossbilling/library/Server/Manager/Kvmtui.php';

function package(array $call)
{
    return new Server_Package($call['plan'] ?? 'VPS-2', $call['custom'] ?? []);
}

/** One order, as the Servicehosting module of FOSSBilling works on it. */
function answer(array $call)
{
    $name = $call['name'];
    if ($name === 'getForm') {
        return Server_Manager_Kvmtui::getForm();
    }
    $manager = new Server_Manager_Kvmtui($call['server']);
    if ($name === 'testConnection') {
        return $manager->testConnection();
    }
    if ($name === 'getLoginUrl' && empty($call['order'])) {
        return $manager->getLoginUrl(null);
    }
    $order = (string) $call['order'];
    $model = State::$tables['orders'][$order] ?? ['username' => null, 'ip' => '192.0.2.1', 'domain' => $call['domain'] ?? ''];
    $client = (new Server_Client())->setEmail($call['email'] ?? 'jo@client.example')->setFullName('Jo Client')->setCompany('');
    $account = (new Server_Account())->setClient($client)->setPackage(package($call))->setUsername($model['username'])
        ->setDomain($model['domain'])->setIp($model['ip'])->setPassword('********')->setNote($call['note'] ?? null);
    if ($name === 'activate') {
        $model['username'] = $manager->generateUsername($model['domain']);
        $result = $manager->createAccount($account->setUsername($model['username'])->setPassword('Passw0rd-of-shop'));
    } elseif ($name === 'sync') {
        $updated = $manager->synchronizeAccount($account);
        $model['ip'] = $updated->getIp();
        $result = $updated->getSuspended();
    } elseif ($name === 'changeAccountPackage') {
        $result = $manager->changeAccountPackage($account, package($call));
    } elseif (isset($call['new'])) {
        $result = $manager->$name($account, $call['new']);
        $model['username'] = $name === 'changeAccountUsername' ? $call['new'] : $model['username'];
    } else {
        $result = $manager->$name($account);
    }
    State::$tables['orders'][$order] = $model;
    State::write();
    return $result;
}
