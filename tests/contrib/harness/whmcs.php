<?php

/* WHMCS, as far as a provisioning module sees it. */

namespace WHMCS\Database {
    final class Capsule
    {
        public static function table($name)
        {
            return new Query($name);
        }

        public static function schema()
        {
            return new Schema();
        }
    }

    final class Schema
    {
        public function hasTable($name)
        {
            return isset(\State::$tables[$name]);
        }

        public function create($name, $define)
        {
            $define(new Blueprint());
            \State::$tables[$name] = [];
            \State::write();
        }
    }

    final class Blueprint
    {
        public function __call($name, $arguments)
        {
            if (!in_array($name, ['integer', 'unsigned', 'primary', 'text'], true)) {
                throw new \BadMethodCallException($name);
            }
            return $this;
        }
    }

    final class Query
    {
        private $table;
        private $wanted = [];

        public function __construct($table)
        {
            if (!isset(\State::$tables[$table])) {
                throw new \RuntimeException("SQLSTATE[42S02]: Base table or view not found: $table");
            }
            $this->table = $table;
        }

        public function where($column, $value)
        {
            $this->wanted[$column] = $value;
            return $this;
        }

        public function first()
        {
            return $this->get()[0] ?? null;
        }

        public function get()
        {
            return array_values(array_map(function ($row) {
                return (object) $row;
            }, array_filter(\State::$tables[$this->table], [$this, 'fits'])));
        }

        public function update(array $columns)
        {
            foreach (\State::$tables[$this->table] as &$row) {
                $row = $this->fits($row) ? $columns + $row : $row;
            }
            unset($row);
            \State::write();
        }

        public function updateOrInsert(array $key, array $columns)
        {
            $this->wanted = $key;
            if ($this->first() === null) {
                \State::$tables[$this->table][] = $key + $columns;
                \State::write();
            }
            $this->update($columns);
        }

        private function fits($row)
        {
            return array_intersect_key($row, $this->wanted) == $this->wanted;
        }
    }
}

namespace WHMCS\UsageBilling\Contracts\Metrics {
    interface MetricInterface
    {
        const TYPE_SNAPSHOT = 'snapshot';
        const TYPE_PERIOD_MONTH = 'month';
    }

    interface ProviderInterface
    {
        public function metrics();

        public function usage();

        public function tenantUsage($tenant);
    }
}

namespace WHMCS\UsageBilling\Metrics\Units {
    class GigaBytes
    {
        public function __construct($name = 'Gigabytes', $single = null, $plural = null, $prefix = null, $suffix = 'GB')
        {
        }
    }

    class WholeNumber
    {
        public function __construct($name, $single = null, $plural = null, $prefix = null, $suffix = null)
        {
        }
    }
}

namespace WHMCS\UsageBilling\Metrics {
    class Usage
    {
        public $value;

        public function __construct($value)
        {
            $this->value = $value;
        }
    }

    class Metric implements \WHMCS\UsageBilling\Contracts\Metrics\MetricInterface
    {
        private $name;
        public $type;
        public $usage;

        public function __construct($name, $display, $type, $unit, $usage = null)
        {
            $this->name = $name;
            $this->type = $type;
        }

        public function systemName()
        {
            return $this->name;
        }

        public function withUsage(Usage $usage)
        {
            $made = clone $this;
            $made->usage = $usage;
            return $made;
        }
    }
}

namespace {
    define('WHMCS', true);

    const MODULE = __DIR__ . '/../../../contrib/whmcs/modules/servers/kvmtui';

    function logModuleCall($module, $action, $request, $response, $processed = '', $replace = [])
    {
        State::$said[] = compact('module', 'action', 'request', 'response', 'processed', 'replace');
    }

    function logActivity($message, $user = 0)
    {
        State::$said[] = compact('message', 'user');
    }

    spl_autoload_register(function ($class) {
        $prefix = 'WHMCS\\Module\\Server\\Kvmtui\\';
        if (strpos($class, $prefix) === 0) {
            require MODULE . '/lib/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        }
    });
    require MODULE . '/kvmtui.php';

    /** The values of metrics by their names. */
    function values(array $metrics)
    {
        $values = [];
        foreach ($metrics as $metric) {
            $values[$metric->systemName()] = $metric->usage === null ? null : $metric->usage->value;
        }
        return $values;
    }

    function answer(array $call)
    {
        $_SESSION = isset($call['language']) ? ['Language' => $call['language']] : [];
        $_POST = $call['post'] ?? [];
        if (!empty($call['admin'])) {
            define('ADMINAREA', true);
        }
        $function = 'kvmtui_' . $call['name'];
        if (in_array($call['name'], ['MetaData', 'ConfigOptions', 'AdminCustomButtonArray', 'ClientAreaCustomButtonArray'], true)) {
            return $function();
        }
        $result = $function($call['params']);
        if ($call['name'] !== 'MetricProvider') {
            return $result;
        }
        if (isset($call['tenant'])) {
            return values($result->tenantUsage($call['tenant']));
        }
        return isset($call['names']) ? array_keys($result->metrics()) : array_map('values', $result->usage());
    }
}
