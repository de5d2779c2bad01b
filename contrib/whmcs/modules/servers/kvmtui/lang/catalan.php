<?php

$_LANG['manage'] = 'Gestiona la VM';
$_LANG['start'] = 'Inicia';
$_LANG['shutdown'] = 'Apaga';
$_LANG['reboot'] = 'Reinicia';
$_LANG['name'] = 'Nom';
$_LANG['status'] = 'Estat';
$_LANG['address'] = 'Adreça IP';
$_LANG['traffic'] = 'Trànsit d’aquest mes';
$_LANG['in'] = 'entrant';
$_LANG['out'] = 'sortint';
$_LANG['unavailable'] = 'Ara no es pot accedir a la VM. Torneu-ho a provar més tard.';
$_LANG['forbidden'] = 'El vostre pla no inclou aquesta funció.';
$_LANG['state_running'] = 'En execució';
$_LANG['state_stopped'] = 'Aturada';
$_LANG['state_suspended'] = 'Suspesa';
$_LANG['state_installing'] = 'S’està instal·lant';
$_LANG['state_changing'] = 'S’està modificant';
$_LANG['state_removed'] = 'Eliminada';
$_LANG['state_unknown'] = 'Desconegut';
