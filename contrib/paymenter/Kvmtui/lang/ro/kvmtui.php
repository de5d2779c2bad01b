<?php

return [
    'manage' => 'Administrează VM-ul',
    'unavailable' => 'VM-ul nu poate fi accesat acum. Încercați mai târziu.',
];
