<?php

return [
    'manage' => 'Administrer VM\'en',
    'unavailable' => 'VM\'en kan ikke nås lige nu. Prøv igen senere.',
];
