<?php

$_LANG['manage'] = 'Administrează VM-ul';
$_LANG['start'] = 'Pornește';
$_LANG['shutdown'] = 'Oprește';
$_LANG['reboot'] = 'Repornește';
$_LANG['name'] = 'Nume';
$_LANG['status'] = 'Stare';
$_LANG['address'] = 'Adresă IP';
$_LANG['traffic'] = 'Trafic luna aceasta';
$_LANG['in'] = 'intrare';
$_LANG['out'] = 'ieșire';
$_LANG['unavailable'] = 'VM-ul nu poate fi accesat acum. Încercați mai târziu.';
$_LANG['forbidden'] = 'Planul dvs. nu include această funcție.';
$_LANG['state_running'] = 'Pornit';
$_LANG['state_stopped'] = 'Oprit';
$_LANG['state_suspended'] = 'Suspendat';
$_LANG['state_installing'] = 'În curs de instalare';
$_LANG['state_changing'] = 'În curs de modificare';
$_LANG['state_removed'] = 'Șters';
$_LANG['state_unknown'] = 'Necunoscut';
