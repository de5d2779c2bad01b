<?php

return [
    'manage' => '管理虚拟机',
    'unavailable' => '当前无法连接虚拟机，请稍后重试。',
];
