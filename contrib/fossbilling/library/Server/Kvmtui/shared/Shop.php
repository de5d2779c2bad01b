<?php

namespace Kvmtui;

/**
 * What every billing system does with its services, by the number it knows them by.
 *
 * A service is found by its external reference: the shop's prefix and number. Whatever changes something is sent as an
 * attempt with a key of its own, so a call that is repeated after a timeout has no second effect.
 */
final class Shop
{
    const LIVE = ['Pending', 'Active', 'Suspended'];
    const BUTTON_OPEN_S = 600;

    /** @var Client */
    private $api;

    /** @var Attempts */
    private $attempts;

    /** @var string */
    private $prefix;

    /**
     * @param string $shop   first part of every Idempotency-Key, such as whmcs
     * @param string $prefix first part of every external reference; '' for none
     */
    public function __construct(Client $api, Memory $memory, $shop, $prefix)
    {
        $this->api = $api;
        $this->prefix = $prefix;
        $this->attempts = new Attempts($shop, $memory, [$this, 'age']);
    }

    /** Throw if kvmtui cannot be reached or rejects the token. */
    public function check()
    {
        $this->api->get('/health');
        $this->api->get('/products', ['limit' => 1]);
    }

    /** The products by name. */
    public function products(): array
    {
        return array_column($this->api->all('/products'), null, 'name');
    }

    /** The service with this number; null when there is none. */
    public function find($number)
    {
        $page = $this->api->get('/services', ['external_ref' => $this->prefix . $number, 'limit' => 1]);
        return isset($page['items'][0]) ? $page['items'][0] : null;
    }

    /** The service with this number. */
    public function need($number): array
    {
        $service = $this->find($number);
        if ($service === null) {
            $message = 'kvmtui has no service with the external reference ' . $this->prefix . $number . '. Create it first.';
            throw new ApiError($message, 404, true);
        }
        return $service;
    }

    /** The services of this shop by their numbers, without those of other shops. */
    public function services(): array
    {
        $found = [];
        foreach ($this->api->all('/services') as $service) {
            $reference = (string) $service['external_ref'];
            $number = substr($reference, strlen($this->prefix));
            if ($reference === $this->prefix . $number && preg_match('/^[A-Za-z0-9]+$/D', $number)) {
                $found[$number] = $service;
            }
        }
        return $found;
    }

    /** Every VM by the id of its service. */
    public function vms(): array
    {
        return array_column($this->api->all('/vms'), null, 'service_id');
    }

    /** Every client. */
    public function clients(): array
    {
        return $this->api->all('/clients');
    }

    /**
     * Order a service, unless it was ordered already.
     *
     * @param array|string $client name, tag, email and language of the client; or the name of one that kvmtui has
     * @return array the service
     */
    public function order($number, $client, $product, array $options): array
    {
        $known = $this->find($number);
        if ($known !== null && in_array($known['status'], self::LIVE, true)) {
            if (is_array($client) ? !self::isTagged($known['client'], $client['tag']) : $known['client'] !== $client) {
                $message = 'Service ' . $known['id'] . ' of ' . $known['client'] . ' has the external reference '
                    . $known['external_ref'] . ' already. Use a token for each shop that is limited to its clients.';
                throw new ApiError($message, 409, true);
            }
            if ($this->attempts->recall($number, 'options') === null) {
                $this->attempts->remember($number, 'options', array_keys($options));
            }
            return $known;
        }
        if ($known !== null) {
            $this->refer($known, $this->prefix . $number . '/' . $known['id']);
        }
        $body = [
            'client' => is_array($client) ? $this->client($client) : $client,
            'product' => $product,
            'options' => (object) $options,
            'external_ref' => $this->prefix . $number,
        ];
        try {
            $this->send($number, 'create', 'POST', '/services', $body);
        } catch (ApiError $error) {
            $known = $error->status === 409 ? $this->find($number) : null;
            if ($known === null || !in_array($known['status'], self::LIVE, true)) {
                throw $error;
            }
        }
        $this->attempts->remember($number, 'options', array_keys($options));
        return $this->need($number);
    }

    /** Give a service a product and options; options that an earlier order set and this one does not are removed. */
    public function changePackage($number, $product, array $options)
    {
        $service = $this->need($number);
        $gone = array_diff($this->attempts->recall($number, 'options', []), array_keys($options));
        $gone = array_intersect($gone, array_keys((array) $service['options']));
        if ($gone !== []) {
            $body = ['options' => (object) array_fill_keys($gone, null)];
            $this->api->write('PATCH', '/services/' . $service['id'], $body, self::randomKey());
        }
        $body = ['product' => $product, 'options' => (object) $options];
        $this->act($number, 'change-package', 'POST', '/change-package', $body);
        $this->attempts->remember($number, 'options', array_keys($options));
    }

    /** Do something about a service as a whole: suspend, unsuspend, terminate, change-package. */
    public function act($number, $action, $method, $path, array $body = []): array
    {
        return $this->send($number, $action, $method, '/services/' . $this->need($number)['id'] . $path, $body);
    }

    /** Delete the VM of a service, unless it is terminated already. */
    public function terminate($number, $reason = '')
    {
        if (in_array($this->need($number)['status'], self::LIVE, true)) {
            $this->act($number, 'terminate', 'POST', '/terminate', self::because($reason));
        }
    }

    /** Do what a button says, and answer the error it ended with within some seconds; '' for none. */
    public function press($number, $action, $method, $path, array $body = [], $seconds = 0): string
    {
        $path = '/services/' . $this->need($number)['id'] . $path;
        $answer = $this->send($number, $action, $method, $path, $body, self::BUTTON_OPEN_S);
        $request = isset($answer['request']['id']) ? $answer['request'] : null;
        if ($request !== null && $seconds > 0) {
            $request = $this->api->get('/requests/' . $request['id'], ['wait' => $seconds]);
        }
        return $request !== null && $request['state'] === 'failed' ? (string) $request['error'] : '';
    }

    /** The VM of a service, or null when it has none. */
    public function vm(array $service)
    {
        try {
            return $this->api->get('/services/' . $service['id'] . '/vm');
        } catch (ApiError $error) {
            if ($error->status === 404) {
                return null;
            }
            throw $error;
        }
    }

    /** The traffic of every service in a month as bytes: [id => [in, out]]. */
    public function usage($month): array
    {
        $found = [];
        foreach ($this->api->all('/usage', ['month' => $month]) as $row) {
            $found[$row['service_id']] = [$row['bytes_in'], $row['bytes_out']];
        }
        return $found;
    }

    /** The traffic of one service in a month as bytes: [in, out]. */
    public function traffic(array $service, $month): array
    {
        $page = $this->api->get('/services/' . $service['id'] . '/usage', ['month' => $month]);
        $row = isset($page['items'][0]) ? $page['items'][0] : ['bytes_in' => 0, 'bytes_out' => 0];
        return [$row['bytes_in'], $row['bytes_out']];
    }

    /** How many backups a service has. */
    public function backups(array $service): int
    {
        return count($this->api->get('/services/' . $service['id'] . '/vm/backups')['items']);
    }

    /** Size of a service's disks in GiB, as ordered. */
    public static function disk(array $service, array $spec): int
    {
        $gib = 0;
        foreach (['system_disk', 'additional_disk'] as $disk) {
            $sold = isset($spec[$disk]['size']) ? $spec[$disk]['size'] : 0;
            $gib += (int) (isset($service['options'][$disk]) ? $service['options'][$disk] : $sold);
        }
        return $gib;
    }

    /** A link to the client's page of a service, or to a view of it that changes nothing; it opens once, within a minute. */
    public function session($number, $view = false): string
    {
        $path = '/services/' . $this->need($number)['id'] . '/session';
        return (string) $this->api->once('POST', $path, $view ? ['view' => true] : null)['url'];
    }

    /** A link to the noVNC console of a service; it opens once, within ten seconds. */
    public function console($number): string
    {
        return (string) $this->api->once('POST', '/services/' . $this->need($number)['id'] . '/vm/console')['url'];
    }

    /** Let a service have another external reference. */
    public function refer(array $service, $reference)
    {
        $this->api->write('PATCH', '/services/' . $service['id'], ['external_ref' => $reference], self::randomKey());
    }

    /** The reason as the body of a call; none: no body's field. */
    public static function because($reason): array
    {
        $reason = trim((string) $reason);
        return $reason === '' ? [] : ['reason' => self::short($reason, 900)];
    }

    /** How many seconds ago the request in an answer was received; null when it says nothing. */
    public function age(array $document)
    {
        if (!isset($document['request']['id'])) {
            return null;
        }
        try {
            $request = $this->api->get('/requests/' . $document['request']['id']);
        } catch (ApiError $error) {
            return null;
        }
        $at = isset($request['requested']) ? strtotime($request['requested']) : false;
        return $at === false ? null : time() - $at;
    }

    /** The name of the client in kvmtui: the one whose name ends with the tag, or a new one. */
    private function client(array $wanted): string
    {
        $name = trim(self::short(preg_replace('/[\p{Cc}\p{Zl}\p{Zp}]+/u', ' ', $wanted['name']), 70) . ' ' . $wanted['tag']);
        $fields = ['name' => $name, 'email' => $wanted['email'], 'language' => $wanted['language']];
        $known = $this->tagged($wanted['tag']);
        if ($known === null) {
            try {
                $this->api->write('POST', '/clients', $fields, self::randomKey());
                return $name;
            } catch (ApiError $error) {
                $known = $error->status === 409 ? $this->tagged($wanted['tag']) : null;
                if ($known === null) {
                    throw $error;
                }
            }
        }
        $changed = array_diff_assoc($fields, $known);
        if ($changed !== []) {
            $this->api->write('PATCH', '/clients/' . $known['id'], $changed, self::randomKey());
        }
        return $name;
    }

    private function tagged($tag)
    {
        foreach ($this->api->all('/clients', ['q' => $tag]) as $client) {
            if (self::isTagged($client['name'], $tag)) {
                return $client;
            }
        }
        return null;
    }

    private static function isTagged($name, $tag): bool
    {
        return $name === $tag || substr($name, -strlen($tag) - 1) === ' ' . $tag;
    }

    private function send($number, $action, $method, $path, array $body, $openFor = Attempts::OPEN_S): array
    {
        $send = function ($key) use ($method, $path, $body) {
            return $this->api->write($method, $path, $body, $key);
        };
        return $this->attempts->run($number, $action, [$method, $path, $body], $send, $openFor);
    }

    private static function short($text, $most): string
    {
        return (string) preg_replace('/^(.{' . $most . '}).*$/us', '$1', (string) $text);
    }

    private static function randomKey(): string
    {
        return bin2hex(random_bytes(16));
    }
}
