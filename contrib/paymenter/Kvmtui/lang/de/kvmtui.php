<?php

return [
    'manage' => 'VM verwalten',
    'unavailable' => 'Die VM ist zurzeit nicht erreichbar. Bitte versuchen Sie es später erneut.',
];
