<?php

$_LANG['manage'] = 'Керувати VM';
$_LANG['start'] = 'Запустити';
$_LANG['shutdown'] = 'Вимкнути';
$_LANG['reboot'] = 'Перезавантажити';
$_LANG['name'] = 'Назва';
$_LANG['status'] = 'Стан';
$_LANG['address'] = 'IP-адреса';
$_LANG['traffic'] = 'Трафік за місяць';
$_LANG['in'] = 'вхідний';
$_LANG['out'] = 'вихідний';
$_LANG['unavailable'] = 'VM зараз недоступна. Спробуйте пізніше.';
$_LANG['forbidden'] = 'Ваш тариф не містить цієї функції.';
$_LANG['state_running'] = 'Працює';
$_LANG['state_stopped'] = 'Зупинена';
$_LANG['state_suspended'] = 'Призупинена';
$_LANG['state_installing'] = 'Встановлюється';
$_LANG['state_changing'] = 'Змінюється';
$_LANG['state_removed'] = 'Видалена';
$_LANG['state_unknown'] = 'Невідомо';
