<?php

/*
 * Runs one module as its shop does: `php serve.php HOST STATE`. STATE is the file that stands for the shop's database.
 * Each line of standard input is a call as JSON; each line of standard output what came of it.
 */

error_reporting(E_ALL);
ini_set('display_errors', 'stderr');
set_error_handler(function ($level, $message, $file, $line) {
    if (error_reporting() & $level) {
        throw new ErrorException($message, 0, $level, $file, $line);
    }
    return true;
});
define('KVMTUI_TIMEOUT', 2);

/** The shop's database: tables of rows, written to the file at once. */
final class State
{
    public static $file;
    public static $tables = [];
    public static $said = [];

    public static function open($file)
    {
        self::$file = $file;
        self::$tables = is_file($file) ? json_decode(file_get_contents($file), true) : [];
    }

    public static function write()
    {
        file_put_contents(self::$file, json_encode(self::$tables));
    }
}

State::open($argv[2]);
ini_set('error_log', dirname($argv[2]) . '/php.log');
require __DIR__ . '/' . basename($argv[1]) . '.php';
Kvmtui\Client::$second = 20000;

while (($line = fgets(STDIN)) !== false) {
    State::$said = [];
    try {
        $answer = ['result' => answer(json_decode($line, true))];
    } catch (Throwable $error) {
        $answer = ['thrown' => get_class($error), 'message' => $error->getMessage()];
    }
    $answer += ['said' => State::$said, 'tables' => State::$tables];
    fwrite(STDOUT, json_encode($answer, JSON_THROW_ON_ERROR) . "\n");
    fflush(STDOUT);
}
