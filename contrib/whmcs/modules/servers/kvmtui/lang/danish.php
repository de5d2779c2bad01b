<?php

$_LANG['manage'] = 'Administrer VM\'en';
$_LANG['start'] = 'Start';
$_LANG['shutdown'] = 'Luk ned';
$_LANG['reboot'] = 'Genstart';
$_LANG['name'] = 'Navn';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP-adresse';
$_LANG['traffic'] = 'Trafik denne måned';
$_LANG['in'] = 'ind';
$_LANG['out'] = 'ud';
$_LANG['unavailable'] = 'VM\'en kan ikke nås lige nu. Prøv igen senere.';
$_LANG['forbidden'] = 'Din plan omfatter ikke denne funktion.';
$_LANG['state_running'] = 'Kører';
$_LANG['state_stopped'] = 'Stoppet';
$_LANG['state_suspended'] = 'Suspenderet';
$_LANG['state_installing'] = 'Installeres';
$_LANG['state_changing'] = 'Ændres';
$_LANG['state_removed'] = 'Fjernet';
$_LANG['state_unknown'] = 'Ukendt';
