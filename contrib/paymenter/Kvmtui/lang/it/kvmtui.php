<?php

return [
    'manage' => 'Gestisci la VM',
    'unavailable' => 'La VM non è raggiungibile al momento. Riprova più tardi.',
];
