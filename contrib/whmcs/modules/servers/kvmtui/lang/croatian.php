<?php

$_LANG['manage'] = 'Upravljanje VM-om';
$_LANG['start'] = 'Pokreni';
$_LANG['shutdown'] = 'Isključi';
$_LANG['reboot'] = 'Ponovno pokreni';
$_LANG['name'] = 'Naziv';
$_LANG['status'] = 'Stanje';
$_LANG['address'] = 'IP adresa';
$_LANG['traffic'] = 'Promet ovaj mjesec';
$_LANG['in'] = 'dolazni';
$_LANG['out'] = 'odlazni';
$_LANG['unavailable'] = 'VM trenutačno nije dostupan. Pokušajte kasnije.';
$_LANG['forbidden'] = 'Vaš paket ne uključuje ovu mogućnost.';
$_LANG['state_running'] = 'Radi';
$_LANG['state_stopped'] = 'Zaustavljen';
$_LANG['state_suspended'] = 'Suspendiran';
$_LANG['state_installing'] = 'Instalira se';
$_LANG['state_changing'] = 'Mijenja se';
$_LANG['state_removed'] = 'Uklonjen';
$_LANG['state_unknown'] = 'Nepoznato';
