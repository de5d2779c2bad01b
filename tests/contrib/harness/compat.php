<?php

/*
 * Names what PHP files use that PHP 7.4 does not have: `php compat.php FILE…`. With `-`, standard input is a JSON list of
 * pieces of code, and the answer a list of what each uses.
 * php -l of a newer version accepts all of it, so the tokens are looked at instead.
 */

const NEWER_FUNCTIONS = [
    'str_contains', 'str_starts_with', 'str_ends_with', 'get_debug_type', 'get_resource_id', 'fdiv', 'preg_last_error_msg',
    'array_is_list', 'fsync', 'fdatasync', 'enum_exists', 'json_validate', 'array_find', 'array_any', 'array_all', 'mb_trim',
    'ini_parse_quantity', 'curl_upkeep',
];
const NEWER_CLASSES = ['WeakMap', 'Stringable', 'ValueError', 'UnhandledMatchError', 'Attribute', 'Fiber', 'CURLFile2'];
const NEWER_TYPES = ['mixed', 'never', 'static', 'null', 'false', 'true'];

/** The tokens of some code without spaces and comments: [id or sign, text, line]. */
function tokens($code)
{
    $found = [];
    $line = 1;
    foreach (token_get_all($code, TOKEN_PARSE) as $token) {
        $token = is_array($token) ? $token : [$token, $token, $line];
        $line = $token[2];
        if (!in_array($token[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT], true)) {
            $found[] = $token;
        }
    }
    return $found;
}

/** Where the bracket that opens at a place closes. */
function closing(array $tokens, $from)
{
    $depth = 0;
    for ($at = $from; isset($tokens[$at]); $at++) {
        $depth += in_array($tokens[$at][1], ['(', '[', '{', '${', '{$'], true) ? 1 : (in_array($tokens[$at][1], [')', ']', '}'], true) ? -1 : 0);
        if ($depth === 0) {
            return $at;
        }
    }
    return $at;
}

function faults($code)
{
    $kinds = [];
    foreach (['T_MATCH', 'T_ENUM', 'T_READONLY', 'T_ATTRIBUTE', 'T_NULLSAFE_OBJECT_OPERATOR'] as $name) {
        $kinds[constant($name)] = strtolower(substr($name, 2));
    }
    $tokens = tokens($code);
    $text = function ($at) use ($tokens) {
        return isset($tokens[$at]) ? $tokens[$at][1] : '';
    };
    $faults = [];
    foreach ($tokens as $at => $token) {
        $say = function ($what) use (&$faults, $token) {
            $faults[] = $token[2] . ': ' . $what;
        };
        $before = $text($at - 1);
        if (isset($kinds[$token[0]])) {
            $say($kinds[$token[0]]);
        }
        if ($token[0] === T_STRING && $text($at + 1) === '(' && !in_array($before, ['->', '::', 'function'], true)
            && in_array(strtolower($token[1]), NEWER_FUNCTIONS, true)) {
            $say('function ' . $token[1]);
        }
        if (in_array($token[0], [T_STRING, T_NAME_FULLY_QUALIFIED], true) && in_array(ltrim($token[1], '\\'), NEWER_CLASSES, true)) {
            $say('class ' . $token[1]);
        }
        if ($token[0] === T_STRING && in_array($before, ['(', ','], true) && $text($at + 1) === ':') {
            $say('named argument ' . $token[1]);
        }
        if ($token[0] === T_THROW && !in_array($before, [';', '{', '}', ')', ':', 'else', '<?php'], true) && trim($before) !== '<?php') {
            $say('throw as an expression');
        }
        if ($token[0] === T_VARIABLE && $text($at + 1) === '::' && $text($at + 2) === 'class') {
            $say('::class of an object');
        }
        if ($token[1] === '(' && $text($at + 1) === '...' && $text($at + 2) === ')') {
            $say('first-class callable');
        }
        if ($token[0] === T_LNUMBER && preg_match('/^0o/i', $token[1])) {
            $say('octal number with 0o');
        }
        if ($token[0] === T_CATCH && !in_array(T_VARIABLE, array_column(array_slice($tokens, $at, closing($tokens, $at + 1) - $at), 0), true)) {
            $say('catch without a variable');
        }
        if ($token[0] === T_FUNCTION || $token[0] === T_FN) {
            $open = $at + 1;
            while ($text($open) !== '(') {
                $open++;
            }
            $close = closing($tokens, $open);
            if ($text($close - 1) === ',') {
                $say('comma after the last parameter');
            }
            $name = $text($open - 1);
            for ($place = $open + 1, $isDefault = false; $place < $close; $place++) {
                $isDefault = $text($place) === '=' || ($isDefault && $text($place) !== ',');
                if ($isDefault && $text($place) === 'new') {
                    $say('new in a default value');
                }
                if (!$isDefault && ($text($place) === '|' || in_array(strtolower($text($place)), NEWER_TYPES, true))) {
                    $say('parameter type ' . $text($place));
                }
                if ($name === '__construct' && in_array($text($place), ['public', 'protected', 'private'], true)) {
                    $say('parameter that is a property');
                }
            }
            $after = $close + 1;
            if ($text($after) === 'use') {
                $after = closing($tokens, $after + 1) + 1;
            }
            while ($text($after) !== '' && !in_array($text($after), ['{', ';', '=>'], true)) {
                if ($text($after) === '|' || in_array(strtolower($text($after)), NEWER_TYPES, true)) {
                    $say('return type ' . $text($after));
                }
                $after++;
            }
        }
        if (in_array($token[0], [T_PUBLIC, T_PROTECTED, T_PRIVATE], true) && $text($at + 2) === '|') {
            $say('property type with |');
        }
        if ($token[0] === T_FINAL && $text($at + 1) !== 'class' && in_array('const', [$text($at + 1), $text($at + 2)], true)) {
            $say('final constant');
        }
    }
    return $faults;
}

if ($argv[1] === '-') {
    echo json_encode(array_map('faults', json_decode(stream_get_contents(STDIN), true)));
    exit(0);
}
$found = [];
foreach (array_slice($argv, 1) as $file) {
    foreach (faults(file_get_contents($file)) as $fault) {
        $found[] = $file . ':' . $fault;
    }
}
echo implode("\n", $found), $found === [] ? '' : "\n";
exit($found === [] ? 0 : 1);
