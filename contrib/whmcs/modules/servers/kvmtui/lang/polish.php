<?php

$_LANG['manage'] = 'Zarządzaj maszyną';
$_LANG['start'] = 'Uruchom';
$_LANG['shutdown'] = 'Wyłącz';
$_LANG['reboot'] = 'Uruchom ponownie';
$_LANG['name'] = 'Nazwa';
$_LANG['status'] = 'Stan';
$_LANG['address'] = 'Adres IP';
$_LANG['traffic'] = 'Transfer w tym miesiącu';
$_LANG['in'] = 'przychodzący';
$_LANG['out'] = 'wychodzący';
$_LANG['unavailable'] = 'Maszyna jest teraz niedostępna. Spróbuj później.';
$_LANG['forbidden'] = 'Twój plan nie obejmuje tej funkcji.';
$_LANG['state_running'] = 'Działa';
$_LANG['state_stopped'] = 'Zatrzymana';
$_LANG['state_suspended'] = 'Zawieszona';
$_LANG['state_installing'] = 'W trakcie instalacji';
$_LANG['state_changing'] = 'W trakcie zmiany';
$_LANG['state_removed'] = 'Usunięta';
$_LANG['state_unknown'] = 'Nieznany';
