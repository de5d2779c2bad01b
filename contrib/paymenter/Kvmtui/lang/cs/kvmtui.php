<?php

return [
    'manage' => 'Spravovat VM',
    'unavailable' => 'VM teď není dostupná. Zkuste to později.',
];
