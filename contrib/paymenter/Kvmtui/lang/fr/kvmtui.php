<?php

return [
    'manage' => 'Gérer la VM',
    'unavailable' => 'La VM est injoignable pour le moment. Réessayez plus tard.',
];
