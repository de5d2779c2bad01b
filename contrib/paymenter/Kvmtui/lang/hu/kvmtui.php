<?php

return [
    'manage' => 'VM kezelése',
    'unavailable' => 'A VM jelenleg nem érhető el. Próbálja újra később.',
];
