<?php

$_LANG['manage'] = 'Gestisci la VM';
$_LANG['start'] = 'Avvia';
$_LANG['shutdown'] = 'Spegni';
$_LANG['reboot'] = 'Riavvia';
$_LANG['name'] = 'Nome';
$_LANG['status'] = 'Stato';
$_LANG['address'] = 'Indirizzo IP';
$_LANG['traffic'] = 'Traffico di questo mese';
$_LANG['in'] = 'in entrata';
$_LANG['out'] = 'in uscita';
$_LANG['unavailable'] = 'La VM non è raggiungibile al momento. Riprova più tardi.';
$_LANG['forbidden'] = 'Il tuo piano non include questa funzione.';
$_LANG['state_running'] = 'In esecuzione';
$_LANG['state_stopped'] = 'Arrestata';
$_LANG['state_suspended'] = 'Sospesa';
$_LANG['state_installing'] = 'In installazione';
$_LANG['state_changing'] = 'In modifica';
$_LANG['state_removed'] = 'Rimossa';
$_LANG['state_unknown'] = 'Sconosciuto';
