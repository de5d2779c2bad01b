<?php

namespace Kvmtui;

/**
 * What the extension remembers of a service, as a property of the service.
 */
final class Properties implements Memory
{
    const KEY = 'kvmtui_attempts';

    /** @var object|null */
    private $service;

    public function __construct($service)
    {
        $this->service = $service;
    }

    public function load($service): array
    {
        $property = $this->service->properties()->where('key', self::KEY)->first();
        $state = $property === null ? null : json_decode((string) $property->value, true);
        return is_array($state) ? $state : [];
    }

    public function save($service, array $state)
    {
        $this->service->properties()->updateOrCreate(
            ['key' => self::KEY],
            ['name' => 'kvmtui attempts', 'value' => json_encode($state)]
        );
    }
}
