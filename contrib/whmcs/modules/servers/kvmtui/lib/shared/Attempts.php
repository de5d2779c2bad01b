<?php

namespace Kvmtui;

/**
 * What a shop remembers of a service between two calls. A shop keeps it in its own database.
 */
interface Memory
{
    /** What was saved for a service; [] when nothing was. */
    public function load($service): array;

    /** Save it; it must be stored when this returns. */
    public function save($service, array $state);
}

/**
 * Counts the attempts of each action of a service, so that every attempt has an Idempotency-Key of its own.
 *
 * An attempt is open from before it is sent until its outcome is certain. A call for the same thing while the attempt
 * is open continues it: with the same key kvmtui answers what it did before, and does nothing twice. An attempt that
 * succeeded or was refused is closed, and the next call is a new attempt.
 */
final class Attempts
{
    const OPEN_S = 86400;
    const RECENT_S = 300;
    const MOST_STALE = 50;

    /** @var string */
    private $shop;

    /** @var Memory */
    private $memory;

    /** @var callable */
    private $age;

    /**
     * @param string   $shop   first part of every key, such as whmcs
     * @param Memory   $memory
     * @param callable $age    how many seconds ago the request in an answer was received; null when it says nothing
     */
    public function __construct($shop, Memory $memory, $age)
    {
        $this->shop = $shop;
        $this->memory = $memory;
        $this->age = $age;
    }

    /**
     * Send one action of a service under the key of its attempt.
     *
     * @param callable $send    gets the key; answers as Client::write does
     * @param int      $openFor seconds after which a call for the same thing is meant as another one
     */
    public function run($service, $action, array $body, $send, $openFor = self::OPEN_S): array
    {
        $digest = hash('sha256', (string) json_encode($body));
        $continued = $this->isOpen($service, $action, $digest, $openFor);
        for ($stale = 0; ; $stale++) {
            $number = $continued ? $this->number($service, $action) : $this->begin($service, $action, $digest);
            try {
                $answer = call_user_func($send, $this->shop . '-' . $service . '-' . $action . '-' . $number);
            } catch (ApiError $error) {
                if ($error->settled) {
                    $this->close($service);
                }
                if ($error->keyIsTaken() && $stale < self::MOST_STALE) {
                    $continued = false;
                    continue;
                }
                throw $error;
            }
            $this->close($service);
            if (!$answer['replayed'] || $continued || $stale >= self::MOST_STALE || $this->isRecent($answer)) {
                return $answer['document'];
            }
            // the shop's memory is older than the keys, as after restoring a database: this is the answer to a past call
        }
    }

    /** Whether an attempt of this action was begun whose outcome is not known. */
    private function isOpen($service, $action, $digest, $openFor): bool
    {
        $state = $this->memory->load($service);
        $open = isset($state['open']) ? $state['open'] : null;
        return $open !== null && $open['action'] === $action
            && $open['digest'] === $digest
            && $open['at'] > time() - $openFor;
    }

    /** What is remembered beside the attempts. */
    public function recall($service, $name, $default = null)
    {
        $state = $this->memory->load($service);
        return isset($state[$name]) ? $state[$name] : $default;
    }

    /** Remember something beside the attempts. */
    public function remember($service, $name, $value)
    {
        $this->memory->save($service, [$name => $value] + $this->memory->load($service));
    }

    private function number($service, $action): int
    {
        $state = $this->memory->load($service);
        return isset($state['counts'][$action]) ? (int) $state['counts'][$action] : 0;
    }

    private function begin($service, $action, $digest): int
    {
        $state = $this->memory->load($service);
        $number = $this->number($service, $action) + 1;
        $state['counts'][$action] = $number;
        $state['open'] = ['action' => $action, 'digest' => $digest, 'at' => time()];
        $this->memory->save($service, $state);
        return $number;
    }

    private function close($service)
    {
        $this->memory->save($service, ['open' => null] + $this->memory->load($service));
    }

    private function isRecent(array $answer): bool
    {
        $age = call_user_func($this->age, $answer['document']);
        return $age !== null && $age < self::RECENT_S;
    }
}
