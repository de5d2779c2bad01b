<?php

return [
    'manage' => 'Upravljanje VM-om',
    'unavailable' => 'VM trenutačno nije dostupan. Pokušajte kasnije.',
];
