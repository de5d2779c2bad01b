<?php

return [
    'manage' => 'Administrer VM-en',
    'unavailable' => 'VM-en kan ikke nås nå. Prøv igjen senere.',
];
