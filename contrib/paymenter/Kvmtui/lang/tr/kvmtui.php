<?php

return [
    'manage' => 'VM’yi yönet',
    'unavailable' => 'VM’ye şu anda ulaşılamıyor. Daha sonra yeniden deneyin.',
];
