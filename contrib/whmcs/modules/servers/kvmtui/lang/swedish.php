<?php

$_LANG['manage'] = 'Hantera VM:en';
$_LANG['start'] = 'Starta';
$_LANG['shutdown'] = 'Stäng av';
$_LANG['reboot'] = 'Starta om';
$_LANG['name'] = 'Namn';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP-adress';
$_LANG['traffic'] = 'Trafik den här månaden';
$_LANG['in'] = 'in';
$_LANG['out'] = 'ut';
$_LANG['unavailable'] = 'VM:en kan inte nås just nu. Försök igen senare.';
$_LANG['forbidden'] = 'Din plan omfattar inte den här funktionen.';
$_LANG['state_running'] = 'Körs';
$_LANG['state_stopped'] = 'Stoppad';
$_LANG['state_suspended'] = 'Avstängd';
$_LANG['state_installing'] = 'Installeras';
$_LANG['state_changing'] = 'Ändras';
$_LANG['state_removed'] = 'Borttagen';
$_LANG['state_unknown'] = 'Okänd';
