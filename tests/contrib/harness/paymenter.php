<?php

/* Paymenter, as far as a server extension sees it. */

namespace App\Classes\Extension {
    class Extension
    {
        public $config;

        public function __construct($config = [])
        {
            $this->config = $config;
        }

        public function config($key)
        {
            return $this->config[$key] ?? null;
        }

        public function getConfig($values = [])
        {
            return [];
        }

        public function boot()
        {
        }
    }

    class Server extends Extension
    {
    }
}

namespace App\Models {
    /** Rows of a service or product with `key` and `value`. */
    final class Rows
    {
        private $table;
        private $key;

        public function __construct($table)
        {
            $this->table = $table;
        }

        public function where($column, $value)
        {
            if ($column !== 'key') {
                throw new \BadMethodCallException($column);
            }
            $this->key = $value;
            return $this;
        }

        public function first()
        {
            $row = \State::$tables[$this->table][$this->key] ?? null;
            return $row === null ? null : (object) $row;
        }

        public function updateOrCreate(array $key, array $values)
        {
            \State::$tables[$this->table][$key['key']] = $key + $values;
            \State::write();
        }
    }

    class Service
    {
        public $id;
        public $user;

        public function __construct($id, $user)
        {
            $this->id = $id;
            $this->user = (object) $user;
        }

        public function properties()
        {
            return new Rows('properties-' . $this->id);
        }
    }

    class Product
    {
        public function settings()
        {
            return new Rows('settings');
        }
    }
}

namespace Illuminate\Support\Facades {
    final class Lang
    {
        public static $folders = [];

        public static function addNamespace($name, $folder)
        {
            self::$folders[$name] = $folder;
        }
    }
}

namespace {
    /** A text of `namespace::file.name` in the language of the visitor. */
    function __($name)
    {
        list($space, $place) = explode('::', $name);
        list($file, $text) = explode('.', $place);
        $texts = require Illuminate\Support\Facades\Lang::$folders[$space] . '/' . (State::$tables['language'] ?? 'en') . '/' . $file . '.php';
        return $texts[$text];
    }

    require __DIR__ . '/../../../contrib/paymenter/Kvmtui/Kvmtui.php';

    function answer(array $call)
    {
        State::$tables['language'] = $call['language'] ?? 'en';
        $extension = new Paymenter\Extensions\Servers\Kvmtui\Kvmtui($call['config'] ?? []);
        $extension->boot();
        $name = $call['name'];
        if (in_array($name, ['getConfig', 'getProductConfig', 'testConfig'], true)) {
            return $extension->$name();
        }
        if ($name === 'getCheckoutConfig') {
            return $extension->getCheckoutConfig(new App\Models\Product(), [], $call['settings'] ?? []);
        }
        $user = ['id' => 7, 'name' => 'Jo Client', 'email' => 'jo@client.example'];
        $service = new App\Models\Service($call['service'], $user);
        if (in_array($name, ['getActions', 'ssoLink'], true)) {
            return $extension->$name($service);
        }
        $properties = array_column(State::$tables['properties-' . $call['service']] ?? [], 'value', 'key');
        return $extension->$name($service, $call['settings'], ($call['properties'] ?? []) + $properties);
    }
}
