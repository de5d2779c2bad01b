<?php

return [
    'manage' => 'Управление VM',
    'unavailable' => 'VM сейчас недоступна. Повторите попытку позже.',
];
