<?php

return [
    'manage' => 'VM-i idarə et',
    'unavailable' => 'VM hazırda əlçatan deyil. Sonra yenidən cəhd edin.',
];
