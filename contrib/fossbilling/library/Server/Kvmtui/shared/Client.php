<?php

namespace Kvmtui;

/**
 * A call that did not succeed. The message is fit for an administrator and holds no secret.
 */
final class ApiError extends \RuntimeException
{
    /** @var int HTTP status; 0 when nothing readable was answered */
    public $status;

    /** @var bool whether it is certain that the call had no effect */
    public $settled;

    /** @var int|null seconds to wait before the same call may be sent again; null when sending it again is no use */
    public $pause;

    /** @var array<int, array<string, string>> faults of single fields */
    public $errors;

    public function __construct($message, $status, $settled, $pause = null, array $errors = [])
    {
        parent::__construct($message);
        $this->status = $status;
        $this->settled = $settled;
        $this->pause = $pause;
        $this->errors = $errors;
    }

    /** Whether the Idempotency-Key was used for another call before. */
    public function keyIsTaken(): bool
    {
        return $this->status === 422 && isset($this->errors[0]['path']) && $this->errors[0]['path'] === 'Idempotency-Key';
    }
}

/**
 * The HTTP API of kvmtui. A write carries an Idempotency-Key and is sent again with it until the answer is certain.
 */
final class Client
{
    const TRIES = 3;
    const LONGEST_PAUSE = 5;
    const PAGE = 500;
    const JUDGED = [400, 404, 409, 412, 422, 502];
    const SECRET_FIELDS = ['url', 'secret', 'token', 'password'];

    /** @var int microseconds in a second of waiting */
    public static $second = 1000000;

    /** @var string */
    private $url;

    /** @var string */
    private $token;

    /** @var int */
    private $timeout;

    /** @var callable|null */
    private $log;

    /**
     * @param string        $url     such as https://kvmtui.example.com:8460
     * @param string        $token   kvt_…
     * @param int           $timeout seconds to wait for an answer
     * @param callable|null $log     gets the call and its answer as texts without secrets
     */
    public function __construct($url, $token, $timeout = 30, $log = null)
    {
        $this->url = rtrim($url, '/');
        $this->token = trim($token);
        $this->timeout = max(1, (int) $timeout);
        $this->log = $log;
        if (!preg_match('#^https?://[^/\s@]+$#D', $this->url)) {
            throw new ApiError('The address of kvmtui is not valid. Enter a host name without a path.', 0, true);
        }
        if (!preg_match('/^[!-~]+$/D', $this->token)) {
            throw new ApiError('The API token is missing. Enter the kvt_… token that kvmtui created.', 0, true);
        }
    }

    /** The document at a path below /api/v1. */
    public function get($path, array $query = []): array
    {
        return $this->insist('GET', $path . self::query($query), null, '')['document'];
    }

    /** Every item of a list, page by page. */
    public function all($path, array $query = []): array
    {
        $items = [];
        $after = '';
        do {
            $page = $this->get($path, $query + ['limit' => self::PAGE, 'after' => $after]);
            $items = array_merge($items, isset($page['items']) ? $page['items'] : []);
            $after = isset($page['next']) ? (string) $page['next'] : '';
        } while ($after !== '');
        return $items;
    }

    /**
     * Send a write.
     *
     * @return array{document: array, replayed: bool} replayed: an earlier call with this key was answered already
     */
    public function write($method, $path, array $body, $key): array
    {
        return $this->insist($method, $path, $body, $key);
    }

    /** Send a write whose answer must not be kept under a key: a one-time link. It is sent once. */
    public function once($method, $path, $body = null): array
    {
        return $this->send($method, $path, $body, '')['document'];
    }

    private function insist($method, $path, $body, $key): array
    {
        $certain = true;
        for ($try = 1; ; $try++) {
            try {
                $answer = $this->send($method, $path, $body, $key);
                // what this very call caused, answered to its repetition, is no replay of an earlier one
                return ['document' => $answer['document'], 'replayed' => $answer['replayed'] && $try === 1];
            } catch (ApiError $error) {
                $certain = $certain && $error->settled;
                if ($error->pause === null || $try >= self::TRIES) {
                    // only an answer of the operation itself says that an earlier, unanswered try had no effect
                    $error->settled = $error->settled && ($certain || in_array($error->status, self::JUDGED, true));
                    throw $error;
                }
                usleep(min(self::LONGEST_PAUSE, $error->pause) * self::$second);
            }
        }
    }

    private function send($method, $path, $body, $key): array
    {
        $headers = ['Authorization: Bearer ' . $this->token, 'Accept: application/json', 'Expect:'];
        if ($key !== '') {
            $headers[] = 'Idempotency-Key: ' . $key;
        }
        $text = null;
        if ($body !== null) {
            $text = json_encode((object) $body, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
            $headers[] = 'Content-Type: application/json';
        }
        $told = [];
        $curl = curl_init($this->url . '/api/v1' . $path);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_CONNECTTIMEOUT => min(10, $this->timeout),
            CURLOPT_TIMEOUT => $this->timeout,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_USERAGENT => 'kvmtui-billing',
            CURLOPT_HEADERFUNCTION => function ($handle, $line) use (&$told) {
                $parts = explode(':', $line, 2);
                if (count($parts) === 2) {
                    $told[strtolower(trim($parts[0]))] = trim($parts[1]);
                }
                return strlen($line);
            },
        ]);
        if ($text !== null) {
            curl_setopt($curl, CURLOPT_POSTFIELDS, $text);
        } elseif ($method !== 'GET') {
            curl_setopt($curl, CURLOPT_POSTFIELDS, '');
        }
        $answer = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $reached = (int) curl_getinfo($curl, CURLINFO_REQUEST_SIZE) > 0;
        $problem = curl_error($curl);
        curl_close($curl);

        $call = $method . ' ' . $path . ($key === '' ? '' : "\nIdempotency-Key: " . $key)
            . ($text === null ? '' : "\n\n" . $text);
        if ($answer === false) {
            $this->note($call, 'no answer: ' . $problem);
            throw new ApiError('Cannot reach kvmtui: ' . $problem . '. Check the address and that its API is running.', 0, !$reached, 1);
        }
        $document = json_decode($answer, true);
        $this->note($call, $status . "\n\n" . self::masked($answer, $document));
        if ($status >= 200 && $status < 300 && is_array($document)) {
            $replayed = isset($told['idempotency-replayed']) && $told['idempotency-replayed'] === 'true';
            return ['document' => $document, 'replayed' => $replayed];
        }
        throw self::refusal($status, $document, isset($told['retry-after']) ? (int) $told['retry-after'] : 1);
    }

    /** What an answer other than success means: kvmtui's own problem document, or that of something in between. */
    private static function refusal($status, $document, $retryAfter): ApiError
    {
        $ours = is_array($document) && isset($document['detail'], $document['title'], $document['status']);
        if (!$ours) {
            // a proxy answered in kvmtui's place; only for a 4xx it is sure not to have passed the call on
            $refused = $status >= 400 && $status < 500 && $status !== 408;
            $message = 'The address does not answer as kvmtui does (HTTP ' . $status . '). Check the address and the proxy in front of it.';
            return new ApiError($message, $status, $refused, $status >= 500 ? 1 : null);
        }
        $pause = null;
        if (in_array($status, [429, 503], true)) {
            $pause = max(1, $retryAfter);
        } elseif (in_array($status, [408, 500, 504], true)) {
            $pause = 1;
        }
        $settled = !in_array($status, [408, 500, 504], true);
        $errors = isset($document['errors']) && is_array($document['errors']) ? $document['errors'] : [];
        return new ApiError((string) $document['detail'], $status, $settled, $pause, $errors);
    }

    private function note($call, $answer)
    {
        if ($this->log !== null) {
            call_user_func($this->log, str_replace($this->token, '***', $call), str_replace($this->token, '***', $answer));
        }
    }

    private static function masked($answer, $document): string
    {
        if (!is_array($document)) {
            return substr($answer, 0, 2000);
        }
        array_walk_recursive($document, function (&$value, $name) {
            if (in_array((string) $name, self::SECRET_FIELDS, true)) {
                $value = '***';
            }
        });
        return (string) json_encode($document, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }

    private static function query(array $query): string
    {
        $given = array_filter($query, function ($value) {
            return $value !== '' && $value !== null;
        });
        return $given === [] ? '' : '?' . http_build_query($given, '', '&', PHP_QUERY_RFC3986);
    }
}
