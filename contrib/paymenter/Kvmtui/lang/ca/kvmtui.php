<?php

return [
    'manage' => 'Gestiona la VM',
    'unavailable' => 'Ara no es pot accedir a la VM. Torneu-ho a provar més tard.',
];
