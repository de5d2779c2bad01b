<?php

return [
    'manage' => 'Zarządzaj maszyną',
    'unavailable' => 'Maszyna jest teraz niedostępna. Spróbuj później.',
];
