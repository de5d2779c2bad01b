<?php

return [
    'manage' => 'Administrar la VM',
    'unavailable' => 'No se puede acceder a la VM en este momento. Inténtelo más tarde.',
];
