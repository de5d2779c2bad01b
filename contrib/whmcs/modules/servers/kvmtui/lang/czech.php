<?php

$_LANG['manage'] = 'Spravovat VM';
$_LANG['start'] = 'Spustit';
$_LANG['shutdown'] = 'Vypnout';
$_LANG['reboot'] = 'Restartovat';
$_LANG['name'] = 'Název';
$_LANG['status'] = 'Stav';
$_LANG['address'] = 'IP adresa';
$_LANG['traffic'] = 'Přenos dat tento měsíc';
$_LANG['in'] = 'příchozí';
$_LANG['out'] = 'odchozí';
$_LANG['unavailable'] = 'VM teď není dostupná. Zkuste to později.';
$_LANG['forbidden'] = 'Váš tarif tuto funkci neobsahuje.';
$_LANG['state_running'] = 'Běží';
$_LANG['state_stopped'] = 'Zastavená';
$_LANG['state_suspended'] = 'Pozastavená';
$_LANG['state_installing'] = 'Instaluje se';
$_LANG['state_changing'] = 'Mění se';
$_LANG['state_removed'] = 'Odstraněná';
$_LANG['state_unknown'] = 'Neznámý';
