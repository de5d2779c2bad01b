<?php

return [
    'manage' => 'Halda virtuaalmasinat',
    'unavailable' => 'Virtuaalmasin pole praegu kättesaadav. Proovige hiljem uuesti.',
];
