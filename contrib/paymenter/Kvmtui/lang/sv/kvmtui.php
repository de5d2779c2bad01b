<?php

return [
    'manage' => 'Hantera VM:en',
    'unavailable' => 'VM:en kan inte nås just nu. Försök igen senare.',
];
