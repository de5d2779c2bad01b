<?php

return [
    'manage' => 'Керувати VM',
    'unavailable' => 'VM зараз недоступна. Спробуйте пізніше.',
];
