<?php

$_LANG['manage'] = 'Управувај со VM';
$_LANG['start'] = 'Стартувај';
$_LANG['shutdown'] = 'Исклучи';
$_LANG['reboot'] = 'Рестартирај';
$_LANG['name'] = 'Име';
$_LANG['status'] = 'Состојба';
$_LANG['address'] = 'IP-адреса';
$_LANG['traffic'] = 'Сообраќај овој месец';
$_LANG['in'] = 'дојдовен';
$_LANG['out'] = 'појдовен';
$_LANG['unavailable'] = 'VM моментално не е достапна. Обидете се подоцна.';
$_LANG['forbidden'] = 'Вашиот пакет не ја вклучува оваа функција.';
$_LANG['state_running'] = 'Работи';
$_LANG['state_stopped'] = 'Запрена';
$_LANG['state_suspended'] = 'Суспендирана';
$_LANG['state_installing'] = 'Се инсталира';
$_LANG['state_changing'] = 'Се менува';
$_LANG['state_removed'] = 'Отстранета';
$_LANG['state_unknown'] = 'Непознато';
