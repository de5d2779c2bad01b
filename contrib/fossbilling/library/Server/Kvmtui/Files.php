<?php

namespace Kvmtui;

/**
 * What the server manager remembers of a service, in a file of its own: FOSSBilling gives managers no database.
 */
final class Files implements Memory
{
    /** @var string */
    private $folder;

    public function __construct($folder)
    {
        $this->folder = $folder;
    }

    public function load($service): array
    {
        $file = $this->file($service);
        $state = is_file($file) ? json_decode((string) file_get_contents($file), true) : null;
        return is_array($state) ? $state : [];
    }

    public function save($service, array $state)
    {
        if (!is_dir($this->folder) && !@mkdir($this->folder, 0700, true) && !is_dir($this->folder)) {
            throw new ApiError('Cannot create the folder ' . $this->folder . '. Let the web server write to its parent.', 0, true);
        }
        $file = $this->file($service);
        $written = @tempnam($this->folder, 'new');
        if ($written === false || file_put_contents($written, json_encode($state)) === false || !rename($written, $file)) {
            throw new ApiError('Cannot write ' . $file . '. Let the web server write to its folder.', 0, true);
        }
    }

    /** Remember nothing of a service any more. */
    public function forget($service)
    {
        @unlink($this->file($service));
    }

    private function file($service): string
    {
        return $this->folder . '/' . hash('sha256', (string) $service) . '.json';
    }
}
