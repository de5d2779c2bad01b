<?php

$_LANG['manage'] = 'VM beheren';
$_LANG['start'] = 'Starten';
$_LANG['shutdown'] = 'Afsluiten';
$_LANG['reboot'] = 'Herstarten';
$_LANG['name'] = 'Naam';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP-adres';
$_LANG['traffic'] = 'Dataverkeer deze maand';
$_LANG['in'] = 'inkomend';
$_LANG['out'] = 'uitgaand';
$_LANG['unavailable'] = 'De VM is nu niet bereikbaar. Probeer het later opnieuw.';
$_LANG['forbidden'] = 'Uw pakket bevat deze functie niet.';
$_LANG['state_running'] = 'Actief';
$_LANG['state_stopped'] = 'Gestopt';
$_LANG['state_suspended'] = 'Opgeschort';
$_LANG['state_installing'] = 'Wordt geïnstalleerd';
$_LANG['state_changing'] = 'Wordt gewijzigd';
$_LANG['state_removed'] = 'Verwijderd';
$_LANG['state_unknown'] = 'Onbekend';
