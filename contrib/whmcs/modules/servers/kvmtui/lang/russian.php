<?php

$_LANG['manage'] = 'Управление VM';
$_LANG['start'] = 'Запустить';
$_LANG['shutdown'] = 'Выключить';
$_LANG['reboot'] = 'Перезагрузить';
$_LANG['name'] = 'Имя';
$_LANG['status'] = 'Состояние';
$_LANG['address'] = 'IP-адрес';
$_LANG['traffic'] = 'Трафик за месяц';
$_LANG['in'] = 'входящий';
$_LANG['out'] = 'исходящий';
$_LANG['unavailable'] = 'VM сейчас недоступна. Повторите попытку позже.';
$_LANG['forbidden'] = 'Ваш тариф не включает эту функцию.';
$_LANG['state_running'] = 'Работает';
$_LANG['state_stopped'] = 'Остановлена';
$_LANG['state_suspended'] = 'Приостановлена';
$_LANG['state_installing'] = 'Устанавливается';
$_LANG['state_changing'] = 'Изменяется';
$_LANG['state_removed'] = 'Удалена';
$_LANG['state_unknown'] = 'Неизвестно';
