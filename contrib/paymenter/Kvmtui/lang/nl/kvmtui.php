<?php

return [
    'manage' => 'VM beheren',
    'unavailable' => 'De VM is nu niet bereikbaar. Probeer het later opnieuw.',
];
