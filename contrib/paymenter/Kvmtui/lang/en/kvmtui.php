<?php

return [
    'manage' => 'Manage the VM',
    'unavailable' => 'The VM cannot be reached now. Try again later.',
];
