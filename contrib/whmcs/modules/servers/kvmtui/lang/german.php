<?php

$_LANG['manage'] = 'VM verwalten';
$_LANG['start'] = 'Starten';
$_LANG['shutdown'] = 'Herunterfahren';
$_LANG['reboot'] = 'Neu starten';
$_LANG['name'] = 'Name';
$_LANG['status'] = 'Status';
$_LANG['address'] = 'IP-Adresse';
$_LANG['traffic'] = 'Datenverkehr in diesem Monat';
$_LANG['in'] = 'eingehend';
$_LANG['out'] = 'ausgehend';
$_LANG['unavailable'] = 'Die VM ist zurzeit nicht erreichbar. Bitte versuchen Sie es später erneut.';
$_LANG['forbidden'] = 'Ihr Tarif enthält diese Funktion nicht.';
$_LANG['state_running'] = 'Läuft';
$_LANG['state_stopped'] = 'Gestoppt';
$_LANG['state_suspended'] = 'Gesperrt';
$_LANG['state_installing'] = 'Wird installiert';
$_LANG['state_changing'] = 'Wird geändert';
$_LANG['state_removed'] = 'Entfernt';
$_LANG['state_unknown'] = 'Unbekannt';
