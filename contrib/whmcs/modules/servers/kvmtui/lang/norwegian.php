<?php

$_LANG['manage'] = 'Administrer VM-en';
$_LANG['start'] = 'Start';
$_LANG['shutdown'] = 'Slå av';
$_LANG['reboot'] = 'Start på nytt';
$_LANG['name'] = 'Navn';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP-adresse';
$_LANG['traffic'] = 'Trafikk denne måneden';
$_LANG['in'] = 'inn';
$_LANG['out'] = 'ut';
$_LANG['unavailable'] = 'VM-en kan ikke nås nå. Prøv igjen senere.';
$_LANG['forbidden'] = 'Abonnementet ditt omfatter ikke denne funksjonen.';
$_LANG['state_running'] = 'Kjører';
$_LANG['state_stopped'] = 'Stoppet';
$_LANG['state_suspended'] = 'Suspendert';
$_LANG['state_installing'] = 'Installeres';
$_LANG['state_changing'] = 'Endres';
$_LANG['state_removed'] = 'Fjernet';
$_LANG['state_unknown'] = 'Ukjent';
